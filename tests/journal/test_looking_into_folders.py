"""A folder of journals can contain other objects, and several threads can list it at the same time."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from raw_journals import write

from bridge import Experiment, Workspace
from bridge.journal import folder as folder_module
from bridge.journal.folder import HeldFolder, JournalFolder
from bridge.records.series import Point

HANGS_SECONDS = 10.0


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as file:
        before = os.getcwd()
        os.chdir(path.parent)  # the path of a socket must be short
        try:
            file.bind(path.name)
        finally:
            os.chdir(before)


MAKE: dict[str, Callable[[Path], None]] = {
    "folder": Path.mkdir,
    "pipe": os.mkfifo,
    "socket": make_socket,
    "link": lambda path: path.symlink_to("."),
}


@pytest.mark.parametrize("kind", MAKE)
def test_an_object_named_like_a_journal_that_is_not_a_file_is_ignored(tmp_path: Path, kind: str) -> None:
    journal_id = write(tmp_path / "journal", [[Point("a", 1.0, 1, 1)]])
    MAKE[kind](tmp_path / "journal" / "other.log")
    folder = JournalFolder(tmp_path / "journal")
    folder.look()
    assert folder.sizes().keys() == {journal_id}
    folder.close()


@pytest.mark.parametrize("kind", MAKE)
def test_a_workspace_is_read_even_if_another_object_is_named_like_a_journal(tmp_path: Path, kind: str) -> None:
    """A pipe is the worst case: opening it waits until another process writes to it."""
    run = Experiment(Workspace.create("work", path=tmp_path / "work"), "names").start_logging(
        snapshot_directory=None, outputs=False
    )
    run.log("loss", 0.5)
    path = tmp_path / "work" / "journal" / "other.log"
    MAKE[kind](path)
    found: list[object] = []
    reader = threading.Thread(target=lambda: found.append(run.get_metrics()), daemon=True)
    reader.start()
    reader.join(HANGS_SECONDS)
    if reader.is_alive() and kind == "pipe":
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))  # lets it continue
    assert found == [{"loss": 0.5}]
    run.complete()
    assert os.path.lexists(path)


def test_concurrent_listings_of_a_folder_keep_one_descriptor_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each thread has opened the folder before the first one records that it is open."""
    folder = JournalFolder(tmp_path)
    both = threading.Barrier(2)
    opened: list[HeldFolder] = []
    hold = folder_module.hold

    def hold_together(path: Path, held: HeldFolder | None, make: bool = False) -> HeldFolder:
        found = hold(path, held, make)
        if path == tmp_path:
            opened.append(found)
            both.wait(HANGS_SECONDS)
        return found

    monkeypatch.setattr(folder_module, "hold", hold_together)
    threads = [threading.Thread(target=folder.look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 2
    folder.close()
    assert [held.fd for held in opened] == [-1, -1]
