"""The schema of a database: its version number, and the migrations from one version to the next."""

from __future__ import annotations

import logging
import sqlite3
import time
from functools import cache
from pathlib import Path

logger = logging.getLogger("bridge")

FOLDER = Path(__file__).with_name("migrations")
SCHEMA = 8
"""The newest schema that this version of Runbridge can read.

The file `migrations/<n>.sql` changes schema n - 1 into schema n.
"""

MANY_RUNS = 10_000
"""The number of runs from which a migration of `REWRITING` is logged, because it takes some seconds."""

REWRITING = frozenset({5})
"""The migrations that rewrite the rows of runs."""

WAIT_SECONDS = 600.0
"""How long a process waits for another process that migrates the database."""

TRY_SECONDS = 1.0
"""How long one try lasts. Between two tries, Python runs signal handlers."""


def read_schema(connection: sqlite3.Connection) -> int:
    """Return the number of a database's schema; 0 for an empty database."""
    row = connection.execute("PRAGMA user_version").fetchone()
    return int(row[0])


def migrate(connection: sqlite3.Connection, name: str = "the database") -> None:
    """Migrate a database to the newest schema. Each migration is one transaction.

    Several processes can call this function for one database at the same time. One of them migrates the database, and
    the others wait.

    Args:
        connection: a connection without an open transaction.
        name: the name of the database in log messages.

    Raises:
        sqlite3.OperationalError: another process has kept the database locked for `WAIT_SECONDS`.
    """
    found = read_schema(connection)
    if found >= SCHEMA:
        return
    if not found:
        # The database can give back free pages in short steps. This can be chosen only before it has tables.
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
    # A migration may recreate a table, so that for some time rows refer to a table that does not exist.
    # SQLite ignores this pragma within a transaction.
    (checked,) = connection.execute("PRAGMA foreign_keys").fetchone()
    connection.execute("PRAGMA foreign_keys=OFF")
    try:
        _migrate_all(connection, name)
    finally:
        connection.execute(f"PRAGMA foreign_keys={checked}")


def _migrate_all(connection: sqlite3.Connection, name: str) -> None:
    """Migrate a database to the newest schema. Each migration is one transaction."""
    while read_schema(connection) < SCHEMA:
        _begin(connection, name)
        try:
            _migrate_once(connection, name)
            connection.execute("COMMIT")
        except BaseException:
            connection.rollback()
            raise


def _migrate_once(connection: sqlite3.Connection, name: str) -> None:
    """Migrate a database to the next schema, unless another process has migrated it."""
    number = read_schema(connection) + 1
    if number > SCHEMA:
        return
    if number > 1:
        (runs,) = connection.execute("SELECT count(*) FROM run").fetchone()
        if runs >= MANY_RUNS and number in REWRITING:
            logger.warning("Upgrading %s with %d runs to format %d. This takes some seconds, once.", name, runs, number)
    for statement in _statements(number):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version={number}")


def _begin(connection: sqlite3.Connection, name: str) -> None:
    """Start a transaction for writing. Wait if another process migrates the database."""
    (busy,) = connection.execute("PRAGMA busy_timeout").fetchone()
    connection.execute(f"PRAGMA busy_timeout={int(TRY_SECONDS * 1000)}")
    end = time.monotonic() + WAIT_SECONDS
    reported = False
    try:
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > end:
                    raise
            if not reported:
                logger.warning("Waiting for another process that upgrades or writes to %s.", name)
                reported = True
    finally:
        connection.execute(f"PRAGMA busy_timeout={busy}")


def migrate_to(connection: sqlite3.Connection, version: int) -> None:
    """Give a new database the schema of a version, which may be an earlier one. Other processes must not use it."""
    for number in range(read_schema(connection) + 1, version + 1):
        for statement in _statements(number):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version={number}")


@cache
def _statements(number: int) -> tuple[str, ...]:
    """Return the statements of a migration. `executescript` is not used: it would commit the open transaction."""
    statements = []
    statement = ""
    for line in (FOLDER / f"{number:04}.sql").read_text(encoding="utf-8").splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            statements.append(statement)
            statement = ""
    return tuple(statements)
