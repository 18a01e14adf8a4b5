"""A workspace under examination: reads of its database that change no file."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from bridge.errors import StoreUnavailable
from bridge.store.layout import ARTIFACTS, DATABASE, JOURNAL
from bridge.store.sql.connection import Connection
from bridge.store.sql.database import Database
from bridge.store.sql.database_file import has_wal, stamp_of

Read = TypeVar("Read")
Progress = Callable[[str, int, int], object]
"""A function that is called with the name of a check, the number of things that are done, and the number of all."""

TRIES = 5
"""How often a read is tried if a process begins to write to the database during the read."""


class Examined:
    """A workspace that is examined.

    Args:
        path: the folder of the workspace.
        quick: skip the checks that read whole files: the hashes of artifacts, and SQLite's check of the database.
        progress: is called while a check works.
    """

    def __init__(self, path: Path, quick: bool = False, progress: Progress | None = None) -> None:
        self.path, self.quick = path, quick
        self.progress: Progress = progress or (lambda check, done, total: None)
        self.database = Database(path / DATABASE, read_only=True)
        self.journals, self.artifacts = path / JOURNAL, path / ARTIFACTS
        self.now = time.time_ns() // 1_000_000

    def read(self, portion: Callable[[Connection], Read]) -> Read:
        """Call a function with a connection in a read transaction, and return its result.

        While no process has the database open, it is read as an immutable file, so that SQLite creates no files. If a
        process begins to write during the read, the function is called again.

        Raises:
            StoreUnavailable: the database cannot be read.
        """
        file = str(self.path / DATABASE)
        for _ in range(TRIES):
            unlocked, stamp = not has_wal(file), stamp_of(file)
            try:
                result = self._read_once(portion)
            except (StoreUnavailable, sqlite3.DatabaseError):
                if unlocked and (has_wal(file) or stamp_of(file) != stamp):
                    continue
                raise
            if not unlocked or (not has_wal(file) and stamp_of(file) == stamp):
                return result
        raise StoreUnavailable(file, "processes opened and closed it during each of several reads: try again")

    def _read_once(self, portion: Callable[[Connection], Read]) -> Read:
        with self.database.peek() as c:
            c.execute("BEGIN")
            try:
                return portion(c)
            finally:
                c.rollback()

    @cached_property
    def facts(self) -> dict[str, str]:
        """The id, the name and the other facts that the database states about the workspace."""
        return self.read(lambda c: dict(c.execute("SELECT name, value FROM workspace").fetchall()))

    @property
    def shared(self) -> bool:
        """Whether members of the folder's group may write to the workspace."""
        return bool(self.path.stat().st_mode & 0o2000)
