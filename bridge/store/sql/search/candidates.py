"""Runs that may match a search, read from the ranges of its filter."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from bridge.store.sql.search.checks import rank
from bridge.store.sql.search.conditions import OrderKey
from bridge.store.sql.search.limits import Limits
from bridge.store.sql.search.names import Named
from bridge.store.sql.search.pieces import Sql
from bridge.store.sql.search.ranges import Ranges, count, read
from bridge.store.sql.search.walks import Step

Pair = tuple[Any, int]
"""The first value in the order, and the key of a run."""

GROWTH = 8
"""The factor by which the number of counted runs grows until a range has fewer."""

Values = Callable[[list[int]], list[Pair]]
"""A function that returns the first values of runs in the order."""


def within(c: sqlite3.Connection, limits: Limits, ranges: Sequence[Ranges]) -> set[int]:
    """Return the runs that are in all ranges. Ranges that are much wider than the narrowest one are not read.

    Args:
        c: the connection.
        limits: when a range is worth to be read.
        ranges: the ranges of each clause, at least of one.
    """
    most, sizes = limits.first, [limits.first + 1]
    while min(sizes) > most:
        most *= GROWTH
        sizes = [count(c, one, most + 1) for one in ranges]
    narrowest = sizes.index(min(sizes))
    found = read(c, ranges[narrowest]) or set()
    for at, one in enumerate(ranges):
        also = read(c, one, limits.worth * len(found)) if at != narrowest else None
        if also is not None:
            found &= also
    return found


def as_one_group(limits: Limits, keys: Collection[int]) -> Iterator[Step]:
    """Yield steps with runs in any order."""
    listed = sorted(keys)
    for start in range(0, len(listed), limits.most):
        yield Step(listed[start : start + limits.most], is_last=start + limits.most >= len(listed))


def in_order(
    limits: Limits, keys: Collection[int], wanted: int, ascending: bool, last: Any, values: Values
) -> Iterator[Step]:
    """Yield steps with runs in the order of their first values.

    Args:
        limits: how many runs a step has.
        keys: the runs.
        wanted: the number of runs in the first step. Often all runs that are in all ranges match.
        ascending: the direction of the order.
        last: None, or a sequence that starts with the first value of a run. Runs that come before it are left out.
        values: a function that returns the first values of runs.
    """
    listed = sorted(keys)
    pairs = [pair for at in range(0, len(listed), limits.most) for pair in values(listed[at : at + limits.most])]
    pairs = _sorted(pairs, ascending, last)
    group: list[int] = []
    size = min(wanted, limits.first)
    for _, equal in groupby(pairs, key=itemgetter(0)):
        group += [run for _, run in equal]
        if len(group) >= size:
            yield from as_one_group(limits, group)
            group, size = [], min(2 * size, limits.most)
    yield from as_one_group(limits, group)


def _sorted(pairs: list[Pair], ascending: bool, last: Any) -> list[Pair]:
    """Return the pairs in order, without those that come before the values `last`."""
    if last is not None:
        start = rank(last[0], ascending)
        pairs = [one for one in pairs if (rank(one[0], ascending) >= start) is ascending or one[0] == last[0]]
    present = [pair for pair in pairs if pair[0] is not None]
    missing = [pair for pair in pairs if pair[0] is None]
    try:
        present.sort(key=itemgetter(0), reverse=not ascending)
    except TypeError:  # times that an older version of Runbridge stored can be of different types
        present.sort(key=lambda pair: rank(pair[0], ascending), reverse=not ascending)
    return present + missing


def metric_values(c: sqlite3.Connection, named: Named, nan: str, keys: list[int]) -> list[Pair]:
    """Return the latest values of a metric. `nan` is the SQL of the value as which NaN is ordered."""
    rows = c.execute(
        f"SELECT COALESCE(s.latest_value, {nan}), s.run FROM json_each(?) j CROSS JOIN series s"
        f" ON s.run = j.value AND s.name IN ({', '.join(map(str, named.ids)) or 'NULL'})",
        (json.dumps(keys),),
    ).fetchall()
    having = {run for _, run in rows}
    return rows + [(None, run) for run in keys if run not in having]


def order_values(c: sqlite3.Connection, key: OrderKey, keys: list[int]) -> list[Pair]:
    """Return the values of a key of the order."""
    value: Sql = key.value
    sql = f"SELECT {value.text}, r.key FROM json_each(?) j CROSS JOIN run r ON r.key = j.value"
    return c.execute(sql, (*value.values, json.dumps(keys))).fetchall()
