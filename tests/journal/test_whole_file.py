"""Readers of a file or folder that is written whole see all of it or nothing, whatever interrupts the writer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from interrupting import EXCEPTIONS, Interrupts, each_place, places

from bridge.journal.whole_file import rename_unless_made, written_whole

FILES = ("journal/whole_file.py", "journal/block.py")


def replace(target: Path, text: str) -> None:
    """Write a text with two files beside it."""
    with written_whole(target, companions=["-wal", "-shm"]) as part:
        part.write_text(text)
        Path(f"{part}-wal").touch()
        Path(f"{part}-shm").touch()


def test_a_file_is_replaced_when_all_of_it_is_written(tmp_path: Path) -> None:
    target = tmp_path / "kept"
    target.write_text("before")
    with written_whole(target) as part:
        part.write_text("after")
        assert target.read_text() == "before"
    assert (target.read_text(), os.listdir(tmp_path)) == ("after", ["kept"])


@pytest.mark.parametrize("error", [*EXCEPTIONS, OSError, FileNotFoundError])
def test_a_block_that_raises_leaves_no_file(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "kept"
    with pytest.raises(error), written_whole(target) as part:
        part.write_text("half")
        raise error
    with pytest.raises(error), written_whole(target) as part:
        (part / "below").mkdir(parents=True)
        raise error
    with pytest.raises(error), written_whole(target):
        raise error
    assert os.listdir(tmp_path) == []


def test_a_folder_appears_with_all_that_is_in_it(tmp_path: Path) -> None:
    with written_whole(tmp_path / "folder") as part:
        part.mkdir()
        (part / "file").touch()
        assert not (tmp_path / "folder").exists()
    assert os.listdir(tmp_path) == ["folder"] and os.listdir(tmp_path / "folder") == ["file"]


def test_a_name_can_be_as_long_as_the_file_system_allows(tmp_path: Path) -> None:
    replace(tmp_path / ("n" * 255), "long")
    assert os.listdir(tmp_path) == ["n" * 255]


def test_the_last_step_can_leave_an_existing_file(tmp_path: Path) -> None:
    target = tmp_path / "kept"
    target.write_text("first")
    with written_whole(target, place=lambda part, target: None) as part:
        part.write_text("second")
    assert (target.read_text(), os.listdir(tmp_path)) == ("first", ["kept"])


def test_a_failing_last_step_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder" / "below").mkdir(parents=True)
    with pytest.raises(IsADirectoryError), written_whole(tmp_path / "folder") as part:
        part.write_text("a file cannot replace a folder")
    assert os.listdir(tmp_path) == ["folder"]


def test_a_signal_handler_leaves_either_the_old_or_the_new_file_and_no_other(tmp_path: Path) -> None:
    target = tmp_path / "kept"
    count = places(FILES, lambda: replace(target, "before"))
    raised = 0
    for at, error in each_place(count):
        target.write_text("before")
        try:
            with Interrupts(FILES, at, error) as interrupts:
                replace(target, "after")
        except error:
            raised += 1
        assert target.read_text() in ("before", "after"), interrupts.where
        left = [name for name in os.listdir(tmp_path) if not name.endswith(("kept", "-wal", "-shm"))]
        assert left == [], interrupts.where
        for name in os.listdir(tmp_path):
            (tmp_path / name).unlink()
    assert raised == count * len(EXCEPTIONS) > 0


def create_again(folder: Path) -> None:
    with written_whole(folder, rename_unless_made) as part:
        (part / "second").mkdir(parents=True)


def test_a_folder_that_another_process_has_created_stays(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    (folder / "first").mkdir(parents=True)
    create_again(folder)
    assert (os.listdir(tmp_path), os.listdir(folder)) == (["kept"], ["first"])


def test_an_exception_of_a_signal_handler_is_not_mistaken_for_a_folder_of_another_process(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    for at, error in each_place(places(FILES, lambda: create_again(folder))):
        with pytest.raises(error), Interrupts(FILES, at, error):
            create_again(folder)
        assert folder.is_dir()


def test_a_folder_does_not_replace_a_file(tmp_path: Path) -> None:
    (tmp_path / "kept").touch()
    with pytest.raises(NotADirectoryError):
        create_again(tmp_path / "kept")
    assert os.listdir(tmp_path) == ["kept"]
