"""The walk over a local folder finds each file once, whatever its links say."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.store.walk import TooManyEntries, walk


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A folder with files, a pipe and links: to a file, to nothing, to a folder elsewhere, and to a folder above."""
    top, elsewhere = tmp_path / "top", tmp_path / "elsewhere"
    (top / "a" / "b").mkdir(parents=True)
    elsewhere.mkdir()
    for file in (top / "one", top / "a" / "two", top / "a" / "b" / "three", elsewhere / "four"):
        file.touch()
    os.mkfifo(top / "pipe")
    (top / "to_file").symlink_to("one")
    (top / "to_nothing").symlink_to("gone")
    (top / "to_folder").symlink_to(elsewhere)
    (top / "a" / "b" / "up").symlink_to("../..")
    (top / "a" / "b" / "here").symlink_to(".")
    return top


def refuse(path: str, error: OSError) -> None:
    raise AssertionError(path)


OWN = {"one", "a/two", "a/b/three", "pipe", "to_file", "to_nothing"}
LINKS_TO_FOLDERS = {"to_folder", "a/b/up", "a/b/here"}


def test_links_are_followed_except_to_a_folder_above(top: Path) -> None:
    found = [path for path, _ in walk(top, refuse, follows_links=True)]
    assert sorted(found) == sorted(OWN | {"to_folder/four"})


def test_links_that_are_not_followed_are_found_themselves(top: Path) -> None:
    found = [path for path, _ in walk(top, refuse, follows_links=False)]
    assert sorted(found) == sorted(OWN | LINKS_TO_FOLDERS)


def test_an_entry_is_the_one_at_its_path(top: Path) -> None:
    for path, entry in walk(top, refuse, follows_links=True):
        assert entry.path == str(top / path)


def test_folders_and_entries_are_chosen(top: Path) -> None:
    found = walk(
        top,
        refuse,
        follows_links=False,
        enters=lambda path, entry: path != "a/b",
        chosen=lambda path, entries: [entry for entry in entries if (path, entry.name) != ("", "one")],
    )
    assert {path for path, _ in found} == (OWN | {"to_folder"}) - {"one", "a/b/three"}


def test_a_walk_lists_no_more_than_it_may(top: Path) -> None:
    count = 11  # with the folders a and a/b
    assert len(list(walk(top, refuse, follows_links=False, most_entries=count))) == count - 2
    with pytest.raises(TooManyEntries):
        list(walk(top, refuse, follows_links=False, most_entries=count - 1))


def test_an_unreadable_folder_is_reported_and_a_removed_folder_is_not(tmp_path: Path) -> None:
    refused: list[str] = []
    assert list(walk(tmp_path / "gone", refuse, follows_links=True)) == []
    (tmp_path / "file").touch()
    list(walk(tmp_path / "file", lambda path, error: refused.append(type(error).__name__), follows_links=True))
    assert refused == ["NotADirectoryError"]


def test_an_error_of_a_signal_handler_is_no_failure_to_list(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def interrupted(path: str) -> Iterator[os.DirEntry[str]]:
        if not os.fspath(path).startswith(str(top)):  # a run of an earlier test may still capture its logs
            return scandir(path)
        raise PermissionError("of a handler")

    monkeypatch.setattr(os, "scandir", interrupted)
    with pytest.raises(PermissionError, match="of a handler"):
        list(walk(top, refuse, follows_links=True))
