"""The exact evaluation of a search for some runs: which of them match, and in which order."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from bridge.store.sql.search.conditions import OrderKey
from bridge.store.sql.search.pieces import Sql, direction, joined

Row = tuple[Any, ...]
"""A run that was found: its key in the database, and its values in the order. The last value is its id."""

ALL = Sql("1 = 1")


class Check:
    """The conditions and the order of a search, as a statement about runs with given keys.

    Args:
        c: the connection.
        where: the conditions.
        order: the keys of the order.
        last: the values and the id of a run: only runs behind it are found.
    """

    def __init__(
        self, c: sqlite3.Connection, where: Sequence[Sql], order: Sequence[OrderKey], last: Sequence[Any] | None
    ) -> None:
        self._c, self._order = c, order
        found = joined(" AND ", where) if where else ALL
        values = joined(", ", [Sql(f"{key.value.text} AS k{at}", key.value.values) for at, key in enumerate(order)])
        self._inner = Sql(
            f"SELECT r.key, {values.text} FROM json_each(?) j CROSS JOIN run r ON r.key = j.value WHERE {found.text}",
            found.values,
        )
        self._values = values.values
        self._after = ALL if last is None else _after(order, last)
        self._sorting = ", ".join(f"k{at} {direction(key.ascending)}" for at, key in enumerate(order))

    def rows(self, keys: Iterable[int], only: Sql | None = None, most: int | None = None) -> list[Row]:
        """Return the runs that match, in order.

        Args:
            keys: the keys of the runs to look at.
            only: a further condition, on the values of the order, which are named `k0`, `k1` and so on.
            most: the greatest number of runs to return; None for all.
        """
        listed = json.dumps(list(keys))
        if listed == "[]":
            return []
        further = joined(" AND ", [only or ALL, self._after])
        return self._c.execute(
            f"SELECT * FROM ({self._inner.text}) WHERE {further.text} ORDER BY {self._sorting} LIMIT ?",
            (*self._values, listed, *self._inner.values, *further.values, -1 if most is None else most),
        ).fetchall()

    def sort(self, rows: list[Row]) -> None:
        """Sort runs of several calls."""
        # Sorting is stable, also with `reverse=True`. So the rows are sorted by the last key first.
        for at, key in reversed(list(enumerate(self._order, start=1))):
            rows.sort(key=partial(_rank_at, at, key.ascending), reverse=not key.ascending)


def _rank_at(at: int, ascending: bool, row: Row) -> tuple[int, int, Any]:
    return rank(row[at], ascending)


def rank(value: Any, ascending: bool) -> tuple[int, int, Any]:
    """Return a value that sorts as SQLite does, but None comes last in both directions."""
    if value is None:
        return (1 if ascending else -1), 0, 0
    return 0, 1 if isinstance(value, str) else 2 if isinstance(value, bytes) else 0, value


def _after(order: Sequence[OrderKey], last: Sequence[Any]) -> Sql:
    """Return the condition that a run comes after another one: the first value that differs decides."""
    cases = [_behind(f"k{at}", key.ascending, value) for at, (key, value) in enumerate(zip(order, last, strict=True))]
    decided = joined(" ", cases)
    return Sql(f"CASE {decided.text} ELSE 0 END", decided.values)


def _behind(name: str, ascending: bool, value: Any) -> Sql:
    if value is None:
        return Sql(f"WHEN {name} IS NOT NULL THEN 0")
    behind = f"{name} {'>' if ascending else '<'} ? OR {name} IS NULL"
    return Sql(f"WHEN {name} IS NOT ? THEN ({behind})", (value, value))
