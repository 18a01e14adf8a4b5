"""Looks for files that interrupted processes have left: half uploads, removed files, and unfinished databases."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from bridge.journal.folder import PART, PART_SECONDS
from bridge.maintenance.examined import Examined
from bridge.maintenance.findings import Finding, found
from bridge.store.folder.files import LOCK, PENDING, REPLACED

PAUSE_SECONDS = 0.2
"""The pause before a second look. A process that moves or removes files does so within this time."""

HIDDEN_PARTS = (PART, f"{PART}-wal", f"{PART}-shm", f"{PART}-journal")


def check_leftovers(examined: Examined) -> Iterator[Finding]:
    """Look for leftovers that no process uses. Files that a second look does not see were in use."""
    uploads, parts = _uploads(examined), _parts(examined)
    if not uploads and not parts:
        return
    time.sleep(PAUSE_SECONDS)
    uploads = sorted(set(uploads) & set(_uploads(examined)))
    if uploads:
        problem = f"It contains {len(uploads)} files of interrupted uploads and deletions."
        yield found("leftover.upload", f"artifacts/{PENDING}", problem)
    for place in sorted(set(parts) & set(_parts(examined))):
        yield found("leftover.part", place, "The file was never completed.", place)


def _uploads(examined: Examined) -> list[str]:
    """Return the names of files and folders in the folder of uploads that no process has locked."""
    folder = examined.artifacts / PENDING
    names = os.listdir(folder) if folder.is_dir() else []
    return [name for name in names if name not in (LOCK, REPLACED) and not is_locked(folder / name)]


def _parts(examined: Examined) -> list[str]:
    """Return the paths of unfinished files in the workspace that are old and not locked."""
    found_parts = []
    for folder in (examined.path, examined.journals):
        names = os.listdir(folder) if folder.is_dir() else []
        paths = [folder / name for name in names if name.startswith(".") and name.endswith(HIDDEN_PARTS)]
        found_parts += [str(path.relative_to(examined.path)) for path in paths if _is_left(path)]
    return found_parts


def _is_left(path: Path) -> bool:
    try:
        old = time.time() - path.stat(follow_symlinks=False).st_mtime > PART_SECONDS
    except OSError:
        return False
    return old and not is_locked(path)


def is_locked(path: Path) -> bool:
    """Return whether a process has locked a file, or the file does not exist any more."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return not os.path.lexists(path)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(fd)
