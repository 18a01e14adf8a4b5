"""Copies of a SQLite database that other processes write to."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from bridge.errors import StoreUnavailable
from bridge.maintenance.progress import Meter
from bridge.store.sql.connection import Connection, connect
from bridge.store.sql.database import BUSY_SECONDS
from bridge.store.sql.database_file import border, has_wal, identity_of, stamp_of, uri_of
from bridge.store.sql.gate import gate

PAGES = 256
"""The number of pages that are copied at a time, about a megabyte."""

TRIES = 3
"""How often a database is copied that this process can only read without locks, if other processes change it."""

RESTARTS = 3
"""How often the copying of a database without a write-ahead log may start again, because other processes change it."""

READ = "SELECT count(*) FROM sqlite_master"


class _Restarted(Exception):
    """Other processes have changed the database too often."""


def copy_database(source: Path, target: Path, meter: Meter) -> None:
    """Copy one state of a database to a new file. Other processes may write to the database during the copying.

    If the database has a write-ahead log (WAL), as that of a workspace, writers never wait. Otherwise, as with
    MLflow's, writers may have to wait for the end of the copying if they have changed the database several times.

    Raises:
        StoreUnavailable: the database cannot be read, or the disk is full.
    """
    for _ in range(TRIES):
        with _reading(str(source)) as (connection, stamp):
            with border(str(target)), closing(sqlite3.connect(target, isolation_level=None)) as copy:
                copy.execute("PRAGMA synchronous=OFF")
                _copy(connection, copy, meter)
        if stamp is None or stamp_of(str(source)) == stamp:
            return
        target.unlink()
    raise StoreUnavailable(str(source), "other processes have changed it while it was copied: try again")


@contextmanager
def reading(file: Path) -> Iterator[Connection]:
    """Yield a connection in a transaction that reads one state of a database, without changing the database."""
    with _reading(str(file)) as (connection, _):
        with connection:
            connection.execute("BEGIN")
            yield connection
            connection.rollback()


def check_database(file: Path) -> None:
    """Check that a database which no process uses is not damaged.

    Raises:
        StoreUnavailable: it is damaged.
    """
    with border(str(file)), closing(sqlite3.connect(f"{uri_of(str(file))}?mode=ro&immutable=1", uri=True)) as copy:
        (found,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise StoreUnavailable(str(file), f"the database is damaged ({found}): `runbridge doctor` describes the damage")


@contextmanager
def _reading(file: str) -> Iterator[tuple[Connection, object]]:
    """Yield a connection, and a stamp of the file if it is read without locks, else None."""
    identity_of(file)  # raises an error if the file does not exist
    writable = os.access(file, os.W_OK) and os.access(os.path.dirname(file), os.W_OK)
    with border(file), gate.inside():
        connection, stamp = _open(file, "mode=rw" if writable else "mode=ro"), None
        try:
            try:
                connection.execute(READ).fetchone()
            except sqlite3.OperationalError:
                if writable or has_wal(file):
                    raise
                # This process can create no files beside the database. SQLite then reads it only without locks.
                connection.close()
                stamp = stamp_of(file)
                connection = _open(file, "mode=ro&immutable=1")
            yield connection, stamp
        finally:
            connection.close()


def _open(file: str, options: str) -> Connection:
    return connect(f"{uri_of(file)}?{options}", {}, uri=True, timeout=BUSY_SECONDS)


def _copy(source: Connection, copy: sqlite3.Connection, meter: Meter) -> None:
    (mode,) = source.execute("PRAGMA journal_mode").fetchone()
    if mode != "wal":
        # A transaction would block all writers. Without one, writers wait at most for some pages. But the copying
        # starts again after each change, so it may never end.
        with suppress(_Restarted):
            _copy_pages(source, copy, meter, RESTARTS)
            return
    with source:
        source.execute("BEGIN")
        source.execute(READ).fetchone()  # the state of the database at this moment is copied
        _copy_pages(source, copy, meter, None)
        source.rollback()


def _copy_pages(source: Connection, copy: sqlite3.Connection, meter: Meter, restarts: int | None) -> None:
    """Copy all pages. `restarts` is the number of restarts after which `_Restarted` is raised; None if none happens."""
    (page_bytes,) = source.execute("PRAGMA page_size").fetchone()
    copied = most = started = 0

    def report(_: int, left: int, total: int) -> None:
        nonlocal copied, most, started
        if total - left <= copied:  # the copying has started again
            started += 1
        copied = total - left
        meter.add((copied - most) * page_bytes)
        most = max(most, copied)
        if restarts is not None and started > restarts:
            raise _Restarted

    source.backup(copy, pages=PAGES, progress=report)
