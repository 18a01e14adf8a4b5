"""Gives the free pages of a database back to the disk.

SQLite puts the pages of deleted rows on a list, and uses them for new rows. The file becomes smaller only if this list
is given back.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

from bridge.maintenance.progress import Meter
from bridge.store.sql.connection import Connection
from bridge.store.sql.database import Database
from bridge.store.sql.database_file import border

INCREMENTAL = 2
"""The value of `PRAGMA auto_vacuum` of a database that gives back pages in short steps."""

PAGES_AT_ONCE = 64
"""How many pages one statement gives back. It takes about a millisecond."""

STEP_SECONDS = 0.01
"""About how long one transaction lasts that gives back pages."""

PAUSE_SECONDS = 0.001
"""The pause between two transactions, in which a process that waits for its turn takes it."""

CHECKPOINT_TRIES, CHECKPOINT_SECONDS = 5, 0.1
"""How often the write-ahead log is emptied if readers use it, and how long one try waits for them."""

BUSY_MILLISECONDS = 10_000


class Space(NamedTuple):
    """The bytes of a database, and how many of them are free pages."""

    size_bytes: int
    free_bytes: int


def space_of(database: Database) -> Space:
    """Return the size of a database and of its free pages."""
    with database.read() as c:
        page = _pragma(c, "page_size")
        return Space(_pragma(c, "page_count") * page, _pragma(c, "freelist_count") * page)


def is_incremental(database: Database) -> bool:
    """Return whether a database can give back pages in short steps. Databases of earlier versions cannot."""
    with database.read() as c:
        return _pragma(c, "auto_vacuum") == INCREMENTAL


def shrink(database: Database, meter: Meter) -> float:
    """Give back the pages that are free now, in short steps. Return the duration of the longest step in seconds."""
    with database.read() as c:
        page, left = _pragma(c, "page_size"), _pragma(c, "freelist_count")
    longest = 0.0
    while left > 0:
        with database.write() as c:
            begun = time.monotonic()
            before = _pragma(c, "freelist_count")
            while (free := _pragma(c, "freelist_count")) and time.monotonic() < begun + STEP_SECONDS:
                c.execute(f"PRAGMA incremental_vacuum({PAGES_AT_ONCE})").fetchall()
        longest = max(longest, time.monotonic() - begun)
        if not before:
            break
        left -= before - free or PAGES_AT_ONCE
        meter.add((before - free) * page)
        time.sleep(PAUSE_SECONDS)
    return longest


def rewrite(database: Database) -> float:
    """Rewrite a database without free pages. Later calls of `shrink` work with it. Return the duration in seconds.

    Other processes cannot write to the database for this time. Log calls and reads do not wait.
    """
    with database.alone() as c:
        begun = time.monotonic()
        c.execute("PRAGMA auto_vacuum=INCREMENTAL")
        c.execute("VACUUM")
        return time.monotonic() - begun


def rewrite_other(file: Path) -> float:
    """Rewrite the database of MLflow's tables without free pages. Return the duration in seconds."""
    begun = time.monotonic()
    with border(str(file)), closing(sqlite3.connect(file, isolation_level=None, timeout=10.0)) as c:
        c.execute("VACUUM")
    return time.monotonic() - begun


def empty_log(database: Database) -> None:
    """Copy the write-ahead log into the database, and shorten the files. Readers may prevent that for some time."""
    with database.read() as c:
        c.rollback()
        c.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()  # the most work, without any wait of writers
    for _ in range(CHECKPOINT_TRIES):
        with database.alone() as c:
            c.execute(f"PRAGMA busy_timeout={int(CHECKPOINT_SECONDS * 1000)}")
            try:
                busy, *_ = c.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                c.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")
        if not busy:
            return
        time.sleep(CHECKPOINT_SECONDS)


def file_bytes(file: Path) -> int:
    """Return the size of a database and its write-ahead log."""
    total = 0
    for name in (str(file), f"{file}-wal"):
        with suppress(FileNotFoundError):
            total += os.stat(name).st_size
    return total


def _pragma(c: Connection, name: str) -> int:
    return int(c.execute(f"PRAGMA {name}").fetchone()[0])
