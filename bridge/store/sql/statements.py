"""Statements about many rows: one statement reads or writes up to `AT_ONCE` rows.

Each query in this package ends with `fetchone` or `fetchall`, so that no variable refers to a cursor. SQLite keeps the
state that a query sees as long as its cursor exists with unread rows. A variable would keep the cursor as long as a
traceback refers to its frame, for example after Ctrl-C in a notebook. Until then, later reads of the thread would see
the old state, and its writes would be refused.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

Value = TypeVar("Value")

AT_ONCE = 500
"""The greatest number of runs or rows of one statement. SQLite accepts 32,766 values in a statement."""


def in_chunks(c: sqlite3.Connection, sql: str, values: Sequence[Any]) -> Iterator[Any]:
    """Yield the rows of a query about many values, with few statements. `{}` in the SQL means the question marks."""
    for some in chunks(values):
        yield from c.execute(sql.format(marks_for(some)), some).fetchall()


def chunks(values: Sequence[Value]) -> list[Sequence[Value]]:
    """Return the values in portions, each for one statement."""
    return [values[start : start + AT_ONCE] for start in range(0, len(values), AT_ONCE)]


def marks_for(values: Sequence[Any]) -> str:
    """Return a question mark for each value."""
    return ",".join("?" * len(values))


def marks_for_rows(columns: int, rows: int) -> str:
    """Return a bracket of question marks for each row of a `VALUES`."""
    return ", ".join([f"({', '.join('?' * columns)})"] * rows)


def insert(
    c: sqlite3.Connection, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]], otherwise: str = ""
) -> None:
    """Insert many rows with few statements. `otherwise` is an `ON CONFLICT` clause for rows that exist."""
    for some in chunks(rows):
        values = marks_for_rows(len(columns), len(some))
        sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES {values} {otherwise}"
        c.execute(sql, [value for row in some for value in row])


def state_of(c: sqlite3.Connection) -> tuple[sqlite3.Connection, int, int]:
    """Return a value that is equal to an earlier one only if the database has not changed since."""
    # `data_version` changes with each commit of another connection. Its values can be compared only within one
    # connection.
    return c, c.execute("PRAGMA data_version").fetchone()[0], c.total_changes
