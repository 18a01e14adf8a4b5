"""Rows that are counted while they are read, so that a server reads only a bounded amount for one answer."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any, TypeAlias

from bridge.store.sql.time_limit import count_bytes, is_counted

Row: TypeAlias = "tuple[Any, ...]"


def counted(c: sqlite3.Connection, sql: str, values: Sequence[Any], bytes_of: Callable[[Row], int]) -> list[Row]:
    """Return the rows of a query.

    Args:
        c: the connection.
        sql: the query.
        values: the values of the query.
        bytes_of: returns the memory that the result of a row takes.

    Raises:
        InvalidValue: the answer for which they are read would be too large.
    """
    if not is_counted():
        return c.execute(sql, values).fetchall()
    rows = []
    with closing(c.execute(sql, values)) as found:
        for row in found:
            count_bytes(bytes_of(row))
            rows.append(row)
    return rows
