"""Journal files that never got their name are removed, unless their process may still name them."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

import pytest

from bridge.journal.folder import PART, PART_SECONDS, JournalFolder


@pytest.fixture
def folder(tmp_path: Path) -> JournalFolder:
    folder = JournalFolder(tmp_path)
    folder.look()
    return folder


def left(folder: JournalFolder, age_seconds: float) -> Path:
    """Create an unnamed journal file with a last write of this age."""
    path = folder.path / f".{age_seconds}{PART}"
    path.write_bytes(b"header")
    then = folder.now() - int(age_seconds * 1e9)
    os.utime(path, ns=(then, then))
    return path


def test_an_old_unnamed_file_is_removed_and_a_new_one_stays(folder):
    old, new = left(folder, PART_SECONDS + 1), left(folder, PART_SECONDS - 30)
    folder.remove_leftovers()
    assert not old.exists()
    assert new.exists()


@pytest.mark.parametrize("seconds", [86_400, -86_400])
def test_a_jump_of_the_wall_clock_changes_nothing(folder, monkeypatch, seconds):
    old, new = left(folder, PART_SECONDS + 1), left(folder, 0)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + seconds)
    folder.remove_leftovers()
    assert (old.exists(), new.exists()) == (False, True)


def test_a_file_that_a_process_has_locked_stays(folder):
    path = left(folder, PART_SECONDS + 1)
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        folder.remove_leftovers()
    assert path.exists()
    folder.remove_leftovers()
    assert not path.exists()


def test_a_file_that_cannot_be_opened_stays_and_the_others_are_removed(folder):
    """The file stands for one of another user. Root can open everything except a link to itself."""
    mine, other = left(folder, PART_SECONDS + 2), folder.path / f".0{PART}"
    other.symlink_to(other.name)
    folder.remove_leftovers()
    assert not mine.exists()
    assert other.is_symlink()


def test_reading_the_clock_of_the_file_system_leaves_no_file(folder):
    before = time.time_ns()
    assert abs(folder.now() - before) < 60 * 10**9
    assert list(folder.path.iterdir()) == []


def test_a_folder_that_cannot_be_written_has_no_time(folder, tmp_path):
    tmp_path.rmdir()
    assert folder.now() == 0
