"""The file of a database: its identity, its address, and its errors."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bridge.errors import InvalidValue, NotAllowed, StoreUnavailable
from bridge.journal.system import system, was_raised_deeper
from bridge.records.text import RULE
from bridge.store.sql.time_limit import TOOK_TOO_LONG

Identity = tuple[int, int]
"""The device and the inode of a file."""

NOT_OURS = "it is not the database of a workspace: replace it by a backup of this file"
"""The reason in the error for a file that is not the database of a workspace."""

NO_ACCESS = "this process has no write access to it"
"""The reason in the error for a write to a database that can only be read."""

IO_ERROR = "disk I/O error"
"""SQLite's text for a failed call of the system, for example if the file `-shm` cannot grow on a full disk."""

SHM_BYTES = 32 << 10
"""How much SQLite adds to the file `-shm` at a time."""


def identity_of(file: str) -> Identity:
    """Return the device and the inode of a database.

    This function does not open the file. If a process closes a file, the system releases all locks that the process has
    on this file, also those of SQLite.

    Raises:
        StoreUnavailable: the file does not exist any more, or cannot be reached.
    """
    try:
        state = os.stat(file)
    except OSError as error:
        if was_raised_deeper(error):  # a signal handler raised the error
            raise
        if isinstance(error, (FileNotFoundError, NotADirectoryError)):
            raise StoreUnavailable(file, "the file does not exist: its folder was removed or moved") from error
        raise StoreUnavailable(file, error.strerror or str(error)) from error
    return state.st_dev, state.st_ino


class HeldInode:
    """The inode of a database, which the system gives to no other file while this object is open.

    Linux gives the inode of a removed file to a new file as soon as no process has the removed file open. A new
    database could then not be told from the removed one. So Linux opens the file with `O_PATH`, which reads nothing:
    closing such a descriptor releases no lock of SQLite. macOS never gives an inode twice, so nothing is opened there.

    Args:
        path: the database.
        state: the result of `stat` for the database.
    """

    def __init__(self, path: str, state: os.stat_result) -> None:
        self._fd = -1
        if sys.platform == "linux":
            self._fd = system(os.open, path, os.O_PATH | os.O_CLOEXEC)
            state = os.fstat(self._fd)
        self.identity: Identity = state.st_dev, state.st_ino

    def close(self) -> None:
        """Close the descriptor; idempotent."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def stamp_of(path: str) -> tuple[int, int] | None:
    """Return the modification time and the size of a file, or None if the file does not exist."""
    try:
        state = os.stat(path)
    except FileNotFoundError as error:
        if was_raised_deeper(error):  # a signal handler raised the error
            raise
        return None
    return state.st_mtime_ns, state.st_size


def uri_of(file: str) -> str:
    """Return the URI with which SQLite opens a database."""
    path = os.fsencode(file)
    return "file:" + "".join(chr(b) if b < 128 and b not in b"%?#" else f"%{b:02x}" for b in path)


def has_wal(file: str) -> bool:
    """Return whether the write-ahead log (`-wal`) of a database exists."""
    return os.path.exists(f"{file}-wal")


def _is_disk_full(file: str) -> bool:
    """Return whether the disk of a file has no space for SQLite's next step."""
    try:
        state = os.statvfs(os.path.dirname(file))
    except OSError:
        return False
    return state.f_bavail * state.f_frsize < SHM_BYTES


@contextmanager
def border(file: str) -> Iterator[None]:
    """Convert errors of SQLite to errors of Runbridge, including those about values that SQLite does not accept."""
    try:
        yield
    except sqlite3.OperationalError as error:
        text = str(error)
        if "readonly" in text:
            raise NotAllowed("write to", file, NO_ACCESS) from error
        if "full" in text or (text == IO_ERROR and _is_disk_full(file)):
            raise StoreUnavailable(file, "the disk is full; remove files from it") from error
        if "interrupted" in text:
            raise StoreUnavailable(file, TOOK_TOO_LONG) from error
        raise StoreUnavailable(file, text) from error
    except UnicodeEncodeError as error:
        raise InvalidValue("text", error.object, RULE) from error
    except OverflowError as error:
        raise InvalidValue("number", None, "must be an integer of 64 bits") from error
    except (sqlite3.ProgrammingError, sqlite3.InterfaceError) as error:
        if "binding parameter" not in str(error):
            raise
        raise InvalidValue("value", None, f"must be text or a number ({error})") from error
    except sqlite3.DatabaseError as error:
        if isinstance(error, (sqlite3.IntegrityError, sqlite3.ProgrammingError)):
            raise
        raise StoreUnavailable(file, str(error)) from error
