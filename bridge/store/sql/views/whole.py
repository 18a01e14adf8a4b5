"""Counts of whole experiments in SQL, without numpy: a command that only counts runs need not load it."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from bridge.store.sql.experiments import number_of

if TYPE_CHECKING:
    from bridge.records.search import RunQuery
    from bridge.records.views import Column
    from bridge.store.sql.connection import Connection

COUNTS = "SELECT {value}, count(*) FROM run r WHERE r.experiment = ? AND r.stage = ? GROUP BY 1"

ATTRIBUTES = {"status": "r.status", "lifecycle_stage": "r.stage", "user": 'r."user"', "type": "r.type"}
"""The attributes by which SQL counts the runs of whole experiments."""


def count_in_sql(c: Connection, query: RunQuery, by: Column | None) -> list[tuple[str | float | None, int]] | None:
    """Return the number of runs for each value of an attribute, or None if SQL cannot count them without a search."""
    if not query.is_whole:
        return None
    if by is not None and (by.entity != "attribute" or by.key not in ATTRIBUTES):
        return None
    value = "NULL" if by is None else ATTRIBUTES[by.key]
    stages = ("active", "deleted") if query.view == "all" else (query.view,)
    counts: dict[str | float | None, int] = {}
    for experiment, stage in product(experiments_of(query), stages):
        rows = c.execute(COUNTS.format(value=value), (experiment, stage)).fetchall()
        for found, count in rows:
            counts[found] = counts.get(found, 0) + count
    if by is None:
        return [(None, sum(counts.values()))]
    from bridge.store.view_arguments import by_frequency

    return by_frequency(counts)


def experiments_of(query: RunQuery) -> list[int]:
    """Return the ids of the experiments that a query names."""
    return sorted({number for number in map(number_of, query.experiment_ids) if number is not None})
