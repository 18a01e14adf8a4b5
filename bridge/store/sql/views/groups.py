"""Counts and groups of runs, computed from columns."""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy

from bridge.records.views import FIRST_IDS, Column, Numbers, RunColumns, RunGroup, Spread, Texts
from bridge.store.sql.views.chosen import experiments_of, is_whole
from bridge.store.view_arguments import by_frequency

if TYPE_CHECKING:
    from bridge.records.search import RunQuery
    from bridge.store.sql.connection import Connection

    Array = numpy.ndarray[Any, Any]

COUNTS = "SELECT {value}, count(*) FROM run r WHERE r.experiment = ? AND r.stage = ? GROUP BY 1"
Values = list["str | float | None"]


ATTRIBUTES = {"status": "r.status", "lifecycle_stage": "r.stage", "user": 'r."user"', "type": "r.type"}
"""The attributes by which SQL counts the runs of whole experiments."""


def count_in_sql(c: Connection, query: RunQuery, by: Column | None) -> list[tuple[str | float | None, int]] | None:
    """Return the number of runs for each value of an attribute, or None if SQL cannot count them without a search."""
    if not is_whole(query):
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
    return by_frequency(counts) if by is not None else [(None, sum(counts.values()))]


def count_values(column: Numbers | Texts) -> list[tuple[str | float | None, int]]:
    """Return the number of runs for each value of a column."""
    codes, values = _coded(column)
    counts = numpy.bincount(codes, minlength=len(values)).tolist()
    return by_frequency({value: count for value, count in zip(values, counts, strict=True) if count})


def group(found: RunColumns, by: int, limit: int) -> list[RunGroup]:
    """Return groups of runs. The first `by` columns distinguish the groups, and the others are summarised."""
    codes = numpy.zeros(len(found.ids), dtype=numpy.int64)
    coded = [_coded(column) for column in found.columns[:by]]
    for own, values in coded:
        _, codes = numpy.unique(codes * len(values) + own, return_inverse=True)
    _, firsts, codes = numpy.unique(codes, return_index=True, return_inverse=True)
    order = numpy.argsort(codes, kind="stable")
    ends = numpy.cumsum(numpy.bincount(codes, minlength=len(firsts)))
    parts = numpy.split(order, ends[:-1])
    chosen = numpy.argsort(firsts)[:limit].tolist()
    return [
        RunGroup(
            tuple(values[own[firsts[at]]] for own, values in coded),
            len(parts[at]),
            tuple(found.ids[run] for run in parts[at][:FIRST_IDS].tolist()),
            tuple(_spread(column[0][parts[at]]) for column in found.columns[by:]),
        )
        for at in chosen
    ]


def _coded(column: Numbers | Texts) -> tuple[Array, Values]:
    """Return a code for each run, and the value that each code stands for. A missing value is None."""
    if isinstance(column, Texts):
        values: Values = [*column.words, None]
        missing = values.index(None)  # a tag without a value has the word None
        return numpy.where(column.present, column.codes, missing).astype(numpy.int64), values
    distinct, codes = numpy.unique(column.values, return_inverse=True)
    values = [math.nan if value != value else value for value in distinct.tolist()]
    return numpy.where(column.present, codes, len(values)), [*values, None]


def _spread(values: Array) -> Spread:
    numbers = numpy.sort(values[~numpy.isnan(values)])
    if not len(numbers):
        return Spread(0, math.nan, math.nan, math.nan, math.nan, math.nan)
    with numpy.errstate(all="ignore"):
        mean = numbers.sum() / len(numbers)
        squares = (numbers - mean) ** 2
        deviation = math.sqrt(squares.sum() / (len(numbers) - 1)) if len(numbers) > 1 else math.nan
        half = len(numbers) // 2
        median = numbers[half] if len(numbers) % 2 else (numbers[half - 1] + numbers[half]) / 2
    return Spread(len(numbers), float(mean), deviation, float(numbers[0]), float(numbers[-1]), float(median))
