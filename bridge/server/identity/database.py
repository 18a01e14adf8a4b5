"""The database of a server, `server.db`: tokens, sessions and the audit log. No workspace contains it."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bridge.address import home_folder
from bridge.errors import SchemaMismatch, StoreUnavailable

FILE = "server.db"

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE token (
        id TEXT PRIMARY KEY, secret_hash BLOB NOT NULL, user TEXT NOT NULL, grants TEXT NOT NULL,
        created INTEGER NOT NULL, expires INTEGER, last_used INTEGER, revoked INTEGER
    ) WITHOUT ROWID;
    CREATE TABLE session (
        hash BLOB PRIMARY KEY, token_id TEXT NOT NULL, expires INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE audit (
        id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, action TEXT NOT NULL, workspace TEXT,
        target TEXT NOT NULL, user TEXT, token_id TEXT, address TEXT
    );
    """,
)
"""The steps that create the tables. The number of applied steps is the database's `user_version`."""


def default_home() -> Path:
    """Return the folder of the server's database, `$BRIDGE_HOME/server`."""
    return home_folder() / "server"


class ServerDatabase:
    """The database, as a context manager. Its methods may be called in any thread.

    Args:
        home: the folder of the database, which is created. Only its user can read the file. None means a database in
            memory.
        wait_seconds: how long a change waits for another process.

    Raises:
        StoreUnavailable: the database cannot be opened.
        SchemaMismatch: a newer version of Runbridge has written it.
    """

    def __init__(self, home: Path | None, wait_seconds: float = 5.0) -> None:
        self.path = None if home is None else home / FILE
        self._lock = threading.RLock()
        try:
            self._connection = self._opened(wait_seconds)
        except (OSError, sqlite3.Error) as error:
            raise StoreUnavailable(str(self.path), str(error)) from error
        try:
            self._migrate()
        except BaseException as error:
            self._connection.close()
            if isinstance(error, sqlite3.Error):
                raise StoreUnavailable(str(self.path), str(error)) from error
            raise

    def _opened(self, wait_seconds: float) -> sqlite3.Connection:
        if self.path is not None:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                os.fchmod(descriptor, 0o600)
            finally:
                os.close(descriptor)
        connection = sqlite3.connect(
            self.path or ":memory:", timeout=wait_seconds, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")  # `make_durable` waits for the disk
        except BaseException:
            connection.close()
            raise
        return connection

    def _migrate(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            (found,) = self._connection.execute("PRAGMA user_version").fetchone()
            if found > len(MIGRATIONS):
                raise SchemaMismatch(str(self.path), found, len(MIGRATIONS))
            for script in MIGRATIONS[found:]:
                for statement in script.split(";"):
                    self._connection.execute(statement)
            self._connection.execute(f"PRAGMA user_version={len(MIGRATIONS)}")
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise

    def read(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        return self._run(statement, values)[0]

    def write(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Run a statement that changes rows, in a transaction of its own, and return the number of changed rows."""
        return self._run(statement, values)[1]

    def make_durable(self) -> None:
        """Write all changes to the disk, so that they survive a loss of power."""
        self.read("PRAGMA wal_checkpoint")

    def _run(self, statement: str, values: Sequence[Any]) -> tuple[list[tuple[Any, ...]], int]:
        try:
            with self._lock:
                cursor = self._connection.execute(statement, values)
                return cursor.fetchall(), cursor.rowcount
        except sqlite3.Error as error:
            raise StoreUnavailable(str(self.path), str(error)) from error

    def close(self) -> None:
        """Close the database. Further calls fail."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> ServerDatabase:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()
