"""The schema of a database, and the numbered steps that lead to it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

FOLDER = Path(__file__).with_name("migrations")
SCHEMA = 2
"""The newest schema that this version of Runbridge knows; `migrations/<number>.sql` leads to each."""


def read_schema(connection: sqlite3.Connection) -> int:
    """The schema that a database has; 0 if it has none."""
    row = connection.execute("PRAGMA user_version").fetchone()
    return int(row[0])


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a database to the newest schema, each step in a transaction of its own."""
    for number in range(read_schema(connection) + 1, SCHEMA + 1):
        script = (FOLDER / f"{number:04}.sql").read_text(encoding="utf-8")
        connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version={number};\nCOMMIT;")
