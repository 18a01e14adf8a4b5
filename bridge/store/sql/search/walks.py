"""Walks along an index in the order of a search.

A walk yields steps: groups of runs, so that all runs of a group come before those of the next group.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from bridge.store.sql.labels import INDEXED, prefix_of
from bridge.store.sql.search.limits import Limits
from bridge.store.sql.search.pieces import Sql, joined
from bridge.store.sql.search.ranges import LABELS, NAN, NUMBERS, Index, Part

Row = tuple[Any, ...]


class Step(NamedTuple):
    """Some runs of a walk, in any order.

    Attributes:
        keys: the keys of the runs.
        only: a condition on the first value of the order, named `k0`. Other runs of the step are skipped.
        is_last: whether the group ends with this step.
    """

    keys: Sequence[int]
    only: Sql | None = None
    is_last: bool = True


class After(NamedTuple):
    """The start time and the id of a run, after which a walk by start time starts."""

    start_time: Any
    id: str


def by_start(
    c: sqlite3.Connection, limits: Limits, parts: Sequence[Part], ascending: bool = False, after: After | None = None
) -> Iterator[list[int]]:
    """Yield the runs of parts in the order of their start times, then of their ids. Runs without a time come last."""
    size = limits.first
    while True:
        rows: list[Row] = []
        for condition in _following(ascending, after):
            if len(rows) < size:
                rows += _by_start(c, parts, ascending, condition, size - len(rows))
        if not rows:
            return
        yield [row[0] for row in rows]
        after, size = After(*rows[-1][1:]), min(2 * size, limits.longest)


def _following(ascending: bool, after: After | None) -> list[Sql]:
    """Return the conditions of the runs that follow a run. Runs that meet an earlier condition come first."""
    if after is None:
        return [Sql("start_time IS NOT NULL"), Sql("start_time IS NULL")]
    if after.start_time is None:
        return [Sql("start_time IS NULL AND id > ?", (after.id,))]
    return [
        Sql("start_time = ? AND id > ?", after),
        Sql(f"start_time {'>' if ascending else '<'} ?", (after.start_time,)),
        Sql("start_time IS NULL"),
    ]


def _by_start(c: sqlite3.Connection, parts: Sequence[Part], ascending: bool, condition: Sql, size: int) -> list[Row]:
    order = f"start_time {'ASC' if ascending else 'DESC'}, id"
    found = [
        Sql(
            "SELECT * FROM (SELECT key, start_time, id FROM run INDEXED BY run_by_start"
            f" WHERE experiment = ? AND stage = ? AND {condition.text} ORDER BY {order} LIMIT ?)",
            (*part, *condition.values, size),
        )
        for part in parts
    ]
    return _first(c, found, order, size)


def _first(c: sqlite3.Connection, queries: Sequence[Sql], order: str, size: int) -> list[Row]:
    """Return the first rows of several queries. Each of them returns its own first rows."""
    if not queries:
        return []
    union = joined(" UNION ALL ", queries)
    return c.execute(f"{union.text} ORDER BY {order} LIMIT ?", (*union.values, size)).fetchall()


class ValueWalk:
    """A walk along the values of a metric or label.

    Args:
        c: the connection.
        limits: how much one statement reads.
        index: the index of the values.
        names: the names of the metric or label: at most one in each experiment.
        parts: the parts that contain all runs of the search.
        ascending: the direction.
        is_simple: whether equal values are ordered by start time, newest first, and then by id.
    """

    def __init__(
        self,
        c: sqlite3.Connection,
        limits: Limits,
        index: Index,
        names: Sequence[int],
        parts: Sequence[Part],
        ascending: bool,
        is_simple: bool,
    ) -> None:
        self._c, self._limits, self._index, self._names, self._parts = c, limits, index, names, parts
        self._ascending, self._is_simple = ascending, is_simple

    def steps(self, last: Sequence[Any] | None) -> Iterator[Step]:
        """Yield the steps. `last` has the values and the id of a run: the walk starts with runs of the same value."""
        after = After(*last[-2:]) if last is not None and self._is_simple else None
        if last is not None and last[0] is None:
            yield from self._without_value(after)
            return
        value = None if last is None else self._indexed(last[0])
        if value is not None:
            yield from self._equal(value, after)
        if value != NAN:
            yield from self._values(value)
            if self._index is NUMBERS:
                yield from self._equal(NAN, None)
        yield from self._without_value(None)

    def _indexed(self, value: Any) -> Any:
        if self._index is LABELS:
            return prefix_of(str(value))
        return NAN if math.isinf(value) else value

    def _values(self, value: Any) -> Iterator[Step]:
        """Yield the runs whose values follow a value."""
        size = self._limits.first
        while True:
            rows = self._following(value, size)
            whole = rows if len(rows) < size else [row for row in rows if row[0] != rows[-1][0]]
            if whole:
                yield Step([run for _, run in whole])
                value = whole[-1][0]
            elif rows:  # all rows have the same value, and there may be more of them
                value = rows[-1][0]
                yield from self._equal(value, None)
            if len(rows) < size:
                return
            size = min(2 * size, self._limits.longest)

    def _following(self, value: Any, size: int) -> list[Row]:
        """Return the indexed values and the runs after a value. If it is None, return the first ones."""
        column, direction = self._index.value, "ASC" if self._ascending else "DESC"
        bounds = [] if value is None else [Sql(f"{column} {'>' if self._ascending else '<'} ?", (value,))]
        if self._index is NUMBERS:
            bounds.append(Sql(f"{column} < ?", (NAN,)))
        where = joined(" AND ", [Sql("name = ?"), *bounds])
        select = self._index.select(f"{column} AS value, run", where.text)
        queries = [
            Sql(f"SELECT * FROM ({select} ORDER BY {column} {direction} LIMIT ?)", (name, *where.values, size))
            for name in self._names
        ]
        return _first(self._c, queries, f"value {direction}", size)

    def _equal(self, value: Any, after: After | None) -> Iterator[Step]:
        """Yield the runs with one indexed value."""
        runs = self._runs_at(value, self._limits.ties + 1)
        if len(runs) <= self._limits.ties:
            yield Step(runs)
        elif not self._is_simple or self._has_other_texts(value):
            yield from self._slowly(value)
        else:
            yield from self._by_start(value, after)

    def _has_other_texts(self, value: Any) -> bool:
        """Return whether texts that differ from an indexed value, but begin with it, may come before it in the order.

        These are texts that are longer than the indexed part, and in descending order texts with a NUL character.
        """
        return isinstance(value, str) and (len(value) == INDEXED or not self._ascending)

    def _by_start(self, value: Any, after: After | None) -> Iterator[Step]:
        """Yield the runs with one value by their start times, then those with longer texts of this indexed value."""
        shown = -NAN if value == NAN and not self._ascending else value
        for keys in by_start(self._c, self._limits, self._parts, after=after):
            yield Step(keys, Sql("k0 = ?", (shown,)))
        if isinstance(value, str):
            yield from (step._replace(only=Sql("k0 != ?", (shown,))) for step in self._slowly(value))

    def _runs_at(self, value: Any, size: int, after: int = 0) -> list[int]:
        select = self._index.select("run", f"name = ? AND {self._index.value} = ? AND run > ?")
        query = f"SELECT * FROM ({select} ORDER BY run LIMIT ?)"
        queries = [Sql(query, (name, value, after, size)) for name in self._names]
        return [row[0] for row in _first(self._c, queries, "run", size)]

    def _slowly(self, value: Any) -> Iterator[Step]:
        """Yield the runs with one indexed value, as one group."""
        runs: Sequence[int] = (0,)
        while runs:
            runs = self._runs_at(value, self._limits.most, after=runs[-1])
            yield Step(runs, is_last=not runs)

    def _without_value(self, after: After | None) -> Iterator[Step]:
        """Yield the runs that have no value."""
        for keys in by_start(self._c, self._limits, self._parts, after=after):
            yield Step(keys, Sql("k0 IS NULL"), is_last=self._is_simple)
        if not self._is_simple:
            yield Step(())
