"""The names that a search needs: keys of params, tags, properties and series, as the integers of the table `name`."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from bridge.records.series import COLUMN, SCALAR
from bridge.store.sql.names import SERIES
from bridge.store.sql.search.pieces import Sql, among

LISTED = 8
"""The greatest number of names that are written into a condition. More names are looked up for each run."""


class Named(NamedTuple):
    """The names of one key in the experiments of a search.

    Attributes:
        ids: the names.
        is_one: whether each experiment has at most one of them. A run then has at most one value.
        sql: the SQL of a list with the names of a run `r`, for the operator IN.
    """

    ids: tuple[int, ...]
    is_one: bool
    sql: Sql


class Names:
    """The names in the experiments of a search.

    Args:
        c: the connection.
        experiments: the ids of the experiments.
    """

    def __init__(self, c: sqlite3.Connection, experiments: Sequence[int]) -> None:
        self._c = c
        self._within = among("n.experiment", experiments).text
        self._found: dict[Sql, Named] = {}

    def labels(self, entity: int, key: str) -> Named:
        """Return the names of a param, tag or property."""
        return self._find(Sql("n.entity = ? AND n.key = ?", (entity, key)))

    def texts(self, key: str) -> Named:
        """Return the names of the series of texts that were logged under a key."""
        where = f"""n.entity = {SERIES} AND n.key = ? AND n.kind = {SCALAR} AND n."column" = ''"""
        return self._find(Sql(f"{where} AND n.value_type = 'text'", (key,)))

    def numbers(self, key: str) -> Named:
        """Return the names of the series of numbers with a metric's name.

        `key` can also have the form `<key>.<column>`, which names a column of a table.
        """
        parts = key.split(".")
        keys = [key, *filter(None, (".".join(parts[:count]) for count in range(1, len(parts))))]
        shown = f"""CASE n.kind WHEN {COLUMN} THEN n.key || '.' || n."column" ELSE n.key END"""
        where = f"n.entity = {SERIES} AND n.key IN ({', '.join('?' * len(keys))}) AND n.kind IN ({SCALAR}, {COLUMN})"
        return self._find(Sql(f"{where} AND n.value_type = 'number' AND {shown} = ?", (*keys, key)))

    def _find(self, where: Sql) -> Named:
        if where not in self._found:
            self._found[where] = self._looked_up(where)
        return self._found[where]

    def _looked_up(self, where: Sql) -> Named:
        rows = self._c.execute(
            f"SELECT n.id, n.experiment FROM name n WHERE {self._within} AND {where.text}", where.values
        ).fetchall()
        ids = tuple(row[0] for row in rows)
        if len(ids) <= LISTED:
            sql = Sql(f"({', '.join(map(str, ids)) or 'NULL'})")
        else:
            sql = Sql(f"(SELECT n.id FROM name n WHERE n.experiment = r.experiment AND {where.text})", where.values)
        is_one = len({row[1] for row in rows}) == len(rows)
        return Named(ids, is_one, sql)
