"""A lock for readers that must not change files: it keeps other processes waiting, and writes nothing."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bridge.journal.locks as locks
from bridge.errors import StoreUnavailable
from bridge.journal.system import CallFailed, system

PAUSE_SECONDS = 0.0005


@contextmanager
def shared_lock(path: Path) -> Iterator[None]:
    """Hold a shared lock on the file of a `FileLock` during the block, so that no process takes that lock.

    Nothing is locked if the file does not exist, or if the file system has no `flock`.

    Raises:
        StoreUnavailable: another process has held the lock until the time limit.
    """
    try:
        fd = system(os.open, path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except CallFailed:
        yield
        return
    try:
        _lock(fd, path)
        yield
    finally:
        os.close(fd)


def _lock(fd: int, path: Path) -> None:
    end = time.monotonic() + locks.WAIT_SECONDS
    while True:
        try:
            system(fcntl.flock, fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return
        except CallFailed as failed:
            if failed.errno != errno.EWOULDBLOCK:
                return
        if time.monotonic() > end:
            raise StoreUnavailable(str(path), "other processes have held this lock for too long: try again later")
        time.sleep(PAUSE_SECONDS)
