"""Counts and groups of runs, computed from columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy

from bridge.records.views import FIRST_IDS, Column, Numbers, RunGroup, Spread, Texts
from bridge.store.sql.views.chosen import Chosen, read_facts
from bridge.store.sql.views.columns import facts_for, read_columns
from bridge.store.sql.views.matches import matching_keys, unordered_keys
from bridge.store.view_arguments import by_frequency

if TYPE_CHECKING:
    from bridge.records.search import RunQuery
    from bridge.store.sql.connection import Connection

    Array = numpy.ndarray[Any, Any]

Values = list["str | float | None"]


def count_matches(c: Connection, query: RunQuery, by: Column | None) -> list[tuple[str | float | None, int]]:
    """Return the number of runs that match a query, for each value of a column. See `RunViews.count_runs`."""
    keys = unordered_keys(c, query)
    if by is None:
        return [(None, len(keys))]
    runs = Chosen(c, query, keys)
    (column,) = read_columns(c, runs, [by], read_facts(c, runs, facts_for([by])))
    return count_values(column)


def count_values(column: Numbers | Texts) -> list[tuple[str | float | None, int]]:
    """Return the number of runs for each value of a column."""
    codes, values = _coded(column)
    counts = numpy.bincount(codes, minlength=len(values)).tolist()
    return by_frequency({value: count for value, count in zip(values, counts, strict=True) if count})


def group(c: Connection, query: RunQuery, by: Sequence[Column], of: Sequence[Column], limit: int) -> list[RunGroup]:
    """Return groups of the runs that match a query. See `RunViews.group_runs`."""
    keys = matching_keys(c, query)
    runs = Chosen(c, query, keys)
    columns = read_columns(c, runs, [*by, *of], read_facts(c, runs, facts_for([*by, *of])))
    coded = [_coded(column) for column in columns[: len(by)]]
    groups = _divided(coded, len(keys))[:limit]
    ids = _ids(c, query, [keys[own[:FIRST_IDS]] for own in groups])
    return [
        RunGroup(
            tuple(values[codes[own[0]]] for codes, values in coded),
            len(own),
            first_ids,
            tuple(_spread(column[0][own]) for column in columns[len(by) :]),
        )
        for own, first_ids in zip(groups, ids, strict=True)
    ]


def _divided(coded: Sequence[tuple[Array, Values]], count: int) -> list[Array]:
    """Return the indexes of the runs of each group. Groups are in the order of their first runs."""
    codes = numpy.zeros(count, dtype=numpy.int64)
    for own, values in coded:
        _, codes = numpy.unique(codes * len(values) + own, return_inverse=True)
    _, firsts, codes = numpy.unique(codes, return_index=True, return_inverse=True)
    ends = numpy.cumsum(numpy.bincount(codes, minlength=len(firsts)))
    parts = numpy.split(numpy.argsort(codes, kind="stable"), ends[:-1])
    return [parts[at] for at in numpy.argsort(firsts).tolist()]


def _ids(c: Connection, query: RunQuery, parts: Sequence[Array]) -> list[tuple[str, ...]]:
    """Return the ids of the runs with these keys, in the same parts."""
    if not parts:
        return []
    ids = iter(read_facts(c, Chosen(c, query, numpy.concatenate(parts)), ["id"])["id"])
    return [tuple(islice(ids, len(part))) for part in parts]


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
