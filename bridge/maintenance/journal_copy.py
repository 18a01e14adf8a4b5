"""Copies of the journals of a workspace, made around a copy of its database.

A journal is a file to which one process appends its points. A fold copies them into the database, which stores up to
which byte it has them (the receipt). Afterwards the journal is removed.
So the journals are copied first, and then the database: a journal that is removed in between is stored in the database.
If the database was copied first, a journal could disappear whose points are not in that copy.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bridge.errors import StoreUnavailable
from bridge.journal.folder import DAMAGED, READING
from bridge.journal.format import RECORDS_AT, SUFFIX
from bridge.journal.system import CallFailed, Ignoring, system
from bridge.maintenance.copying import write_all
from bridge.maintenance.progress import Meter
from bridge.store.sql.statements import in_chunks

PIECE_BYTES = 1 << 20


class _Copied(NamedTuple):
    """A copied journal: how many of its bytes were copied, and the times and permissions of its file."""

    size_bytes: int
    state: os.stat_result


class JournalCopy:
    """The copies of the journals in a folder.

    Args:
        source: the folder of journals.
        target: the folder of the copies, which exists.
    """

    def __init__(self, source: Path, target: Path, meter: Meter) -> None:
        self._source, self._target, self._meter = source, target, meter
        self._copied: dict[str, _Copied] = {}

    @property
    def size_bytes(self) -> int:
        """The number of copied bytes."""
        return sum(copied.size_bytes for copied in self._copied.values())

    def take(self) -> None:
        """Copy all journals, up to their current sizes. Call this before the database is copied."""
        for name in list(_names(self._source)):
            self._extend(name, None)

    def complete(self, database: sqlite3.Connection) -> None:
        """Make the copies fit a copy of the database, which was made since.

        A copy that ends before the receipt of its journal is extended to the receipt, or removed if the journal does
        not exist any more. Points that were logged later are not copied: the database may not know their runs.
        A journal that is new since `take` is copied too, up to its receipt. It identifies the owner of a run.
        """
        names = [name for name in _names(self._source) if name.endswith(SUFFIX)]
        ids = [name.removesuffix(SUFFIX) for name in {*names, *self._copied} if name.endswith(SUFFIX)]
        receipts = dict(in_chunks(database, "SELECT journal_id, stored FROM receipt WHERE journal_id IN ({})", ids))
        for name in names:
            wanted = receipts.get(name.removesuffix(SUFFIX), 0)
            if name not in self._copied or self._copied[name].size_bytes < wanted:
                self._extend(name, max(wanted, RECORDS_AT))
        for name, copied in list(self._copied.items()):
            if copied.size_bytes < receipts.get(name.removesuffix(SUFFIX), 0):
                (self._target / name).unlink()
                del self._copied[name]

    def finish(self) -> Iterator[str]:
        """Yield the names of the copies, with the times of their journals: they tell when a process last wrote."""
        for name, copied in self._copied.items():
            os.utime(self._target / name, ns=(copied.state.st_atime_ns, copied.state.st_mtime_ns))
            yield name

    def _extend(self, name: str, end: int | None) -> None:
        """Copy the bytes of a journal that are not copied yet, up to an offset; None is its current size."""
        before = self._copied[name].size_bytes if name in self._copied else 0
        try:
            fd = system(os.open, self._source / name, READING)
        except CallFailed as failed:
            if failed.errno == errno.ENOENT:  # a fold has just removed it
                return
            raise StoreUnavailable(str(self._source / name), failed.reason.lower()) from failed
        try:
            state = os.fstat(fd)
            end = state.st_size if end is None else min(end, state.st_size)
            self._copied[name] = _Copied(before + self._append(name, fd, before, end), state)
        finally:
            os.close(fd)

    def _append(self, name: str, fd: int, start: int, end: int) -> int:
        with open(self._target / name, "ab", buffering=0) as copy:
            at = start
            while at < end and (data := os.pread(fd, min(PIECE_BYTES, end - at), at)):
                write_all(copy, data)
                at += len(data)
                self._meter.add(len(data))
        os.chmod(self._target / name, stat.S_IMODE(os.fstat(fd).st_mode))
        return at - start


def journal_bytes(folder: Path) -> int:
    """Return about how many bytes the journals in a folder have."""
    total = 0
    for name in _names(folder):
        with Ignoring(FileNotFoundError):
            total += os.stat(folder / name).st_size
    return total


def _names(folder: Path) -> Iterator[str]:
    """Yield the names of the journals in a folder, including damaged ones that are kept."""
    with Ignoring(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith((SUFFIX, DAMAGED)) and entry.is_file(follow_symlinks=False):
                yield entry.name
