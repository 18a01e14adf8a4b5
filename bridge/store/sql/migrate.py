"""The schema of a database: its version number, and the migrations from one version to the next."""

from __future__ import annotations

import re
import sqlite3
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).with_name("migrations")
SCHEMA = 4
"""The newest schema that this version of Runbridge can read.

The file `migrations/<n>.sql` changes schema n - 1 into schema n.
"""

WIDENED_FROM = 3
"""The oldest schema that `widen` accepts. All later schemas only add tables and indexes."""

NEW_TABLE = re.compile(r"^CREATE TABLE (\w+)", re.MULTILINE)
FILLED_TABLE = re.compile(r"^INSERT INTO (\w+)", re.MULTILINE)


def read_schema(connection: sqlite3.Connection) -> int:
    """Return the number of a database's schema; 0 for an empty database."""
    row = connection.execute("PRAGMA user_version").fetchone()
    return int(row[0])


def migrate(connection: sqlite3.Connection) -> None:
    """Migrate a database to the newest schema. Each migration is one transaction.

    Several processes can call this function for one database at the same time.
    """
    number = 0
    while number < SCHEMA:
        connection.execute("BEGIN IMMEDIATE")
        try:
            number = read_schema(connection) + 1
            if number <= SCHEMA:
                for statement in _statements(number):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version={number}")
            connection.execute("COMMIT")
        except BaseException:
            connection.rollback()
            raise


def widen(connection: sqlite3.Connection) -> None:
    """Create temporary tables in place of the tables that an older schema lacks.

    Only this connection sees the temporary tables. So a process without write access can read the database.

    Args:
        connection: a connection to a database with schema `WIDENED_FROM` or a later one.
    """
    connection.execute("PRAGMA temp_store=MEMORY")
    made = set()
    for number in range(read_schema(connection) + 1, SCHEMA + 1):
        for statement in _statements(number):
            table = NEW_TABLE.search(statement)
            if table:
                made.add(table[1])
                connection.execute(NEW_TABLE.sub(r"CREATE TEMP TABLE \1", statement, count=1))
                continue
            filled = FILLED_TABLE.search(statement)
            if filled and filled[1] in made:
                connection.execute(statement)


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
