"""Functions for statements about many rows: one statement reads or writes up to `AT_ONCE` rows.

Each query in this package ends with `fetchone` or `fetchall`, so that no variable refers to a cursor.
A cursor with unread rows keeps its read transaction open: later reads of the thread see the old state of the database,
and its writes fail. A cursor in a variable would exist as long as a traceback refers to the function call, for example
after Ctrl-C in a notebook.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

Value = TypeVar("Value")

AT_ONCE = 500
"""The greatest number of runs or rows in one statement. SQLite accepts at most 32,766 values in a statement."""


def in_chunks(c: sqlite3.Connection, sql: str, values: Sequence[Any], before: Sequence[Any] = ()) -> Iterator[Any]:
    """Yield the rows of a query about many values, with few statements. `{}` in `sql` is replaced by question marks.

    `before` are the values of the question marks that come before `{}`.
    """
    for some in chunks(values):
        yield from c.execute(sql.format(marks_for(some)), (*before, *some)).fetchall()


def chunks(values: Sequence[Value]) -> list[Sequence[Value]]:
    """Return the values in portions, each for one statement."""
    return [values[start : start + AT_ONCE] for start in range(0, len(values), AT_ONCE)]


def marks_for(values: Sequence[Any]) -> str:
    """Return the question marks of a statement, one for each value."""
    return ",".join("?" * len(values))


def marks_for_rows(columns: int, rows: int) -> str:
    """Return the question marks of a `VALUES` clause, in one pair of parentheses for each row."""
    return ", ".join([f"({', '.join('?' * columns)})"] * rows)


def insert(
    c: sqlite3.Connection, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]], otherwise: str = ""
) -> None:
    """Insert many rows with few statements. `otherwise` is an `ON CONFLICT` clause for rows that already exist."""
    for some in chunks(rows):
        values = marks_for_rows(len(columns), len(some))
        sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES {values} {otherwise}"
        c.execute(sql, [value for row in some for value in row])


def state_of(c: sqlite3.Connection) -> tuple[sqlite3.Connection, int, int]:
    """Return a value that identifies the state of the database. It is different after each change of the database."""
    # `data_version` changes with each commit of another connection, and `total_changes` with each change of this
    # connection. Values of different connections cannot be compared.
    return c, c.execute("PRAGMA data_version").fetchone()[0], c.total_changes
