"""Statements about many rows at once: a constant number of them for up to `AT_ONCE` rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

AT_ONCE = 500
"""How many runs or rows one statement reads or makes: SQLite takes 32,766 values."""


def in_chunks(c: sqlite3.Connection, sql: str, values: Sequence[Any]) -> Iterator[Any]:
    """The rows of a question about many values, `{}` standing for their marks, asked by few statements."""
    for start in range(0, len(values), AT_ONCE):
        some = values[start : start + AT_ONCE]
        yield from c.execute(sql.format(",".join("?" * len(some))), some)


def pairs_in_chunks(c: sqlite3.Connection, sql: str, pairs: Sequence[tuple[Any, Any]]) -> Iterator[Any]:
    """The same for pairs of values."""
    for start in range(0, len(pairs), AT_ONCE):
        some = pairs[start : start + AT_ONCE]
        marks = "VALUES " + ",".join(["(?,?)"] * len(some))
        yield from c.execute(sql.format(marks), [value for pair in some for value in pair])


def insert(
    c: sqlite3.Connection, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]], otherwise: str = ""
) -> None:
    """Insert many rows by few statements; `otherwise` is what to do about rows that are there, an `ON CONFLICT`."""
    marks = f"({', '.join('?' * len(columns))})"
    for start in range(0, len(rows), AT_ONCE):
        some = rows[start : start + AT_ONCE]
        values = ", ".join([marks] * len(some))
        sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES {values} {otherwise}"
        c.execute(sql, [value for row in some for value in row])
