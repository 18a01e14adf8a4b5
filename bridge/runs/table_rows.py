"""The rows of tables: columns that a store has, values at a step, and orders that a store does not know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy

from bridge.records.search import RunQuery
from bridge.records.views import Column, Numbers, RunColumns, Texts
from bridge.runs.columns import Sort, StepColumn

if TYPE_CHECKING:
    from bridge.records.views import Array
    from bridge.store.views import RunViews


def read_rows(
    views: RunViews,
    query: RunQuery,
    sorts: Sequence[Sort],
    columns: Sequence[Column | StepColumn],
    offset: int = 0,
    limit: int = 2**31,
) -> RunColumns:
    """Return columns of the runs that match a query.

    Args:
        views: the reads of the store.
        query: the query, with the part of the order that a store knows.
        sorts: the whole order.
        columns: the columns.
        offset: the number of runs to skip at the start.
        limit: the greatest number of runs to return.
    """
    if all(sort.ordering for sort in sorts):
        return _read(views, query, columns, offset, limit)
    found = _read(views, query, (*columns, *(sort.column for sort in sorts)))
    keys: list[Array] = []
    for sort, column in zip(sorts, found.columns[len(columns) :], strict=True):
        keys += _ranks(column, sort.ascending)
    rows = numpy.lexsort(keys[::-1])[offset : offset + limit]
    chosen = [_rows(column, rows) for column in found.columns[: len(columns)]]
    return RunColumns(tuple(found.ids[row] for row in rows), found.numbers[rows], found.total, tuple(chosen))


def _read(
    views: RunViews, query: RunQuery, columns: Sequence[Column | StepColumn], offset: int = 0, limit: int | None = None
) -> RunColumns:
    """Return columns of runs in the order of the query."""
    plain = [column for column in columns if isinstance(column, Column)]
    found = views.get_columns(query, plain, offset, limit)
    if len(plain) == len(columns):
        return found
    read = iter(found.columns)
    merged = (next(read) if isinstance(column, Column) else _at_step(views, found.ids, column) for column in columns)
    return RunColumns(found.ids, found.numbers, found.total, tuple(merged))


def _at_step(views: RunViews, ids: Sequence[str], column: StepColumn) -> Numbers:
    """Return the value that each run logged at a step. Of several values, the last one counts."""
    sampled = views.sample_series(ids, [column.key], 1, low=column.step, high=column.step)
    values = {one.name: one.facts.last for one in sampled}
    return Numbers(
        numpy.array([values.get(id, numpy.nan) for id in ids], numpy.float64),
        numpy.array([id in values for id in ids], bool),
    )


def _rows(column: Numbers | Texts, rows: Array) -> Numbers | Texts:
    if isinstance(column, Numbers):
        return Numbers(column.values[rows], column.present[rows])
    return Texts(column.codes[rows], column.words, column.present[rows])


def _ranks(column: Numbers | Texts, ascending: bool) -> list[Array]:
    """Return two keys of an order: missing values and NaN come last, then the values count.

    As in the orders of a store, a tag without a value counts as missing.
    """
    if isinstance(column, Texts):
        words = [*column.words] or [None]
        rank = numpy.full(len(words), numpy.nan)
        places = sorted((word, at) for at, word in enumerate(words) if word is not None)
        rank[[at for _, at in places]] = numpy.arange(len(places))
        values = rank[column.codes]
        last = numpy.where(column.present & ~numpy.isnan(values), 0, 2)
    else:
        values = column.values
        last = numpy.where(column.present, numpy.isnan(values), 2)
    values = numpy.where(last > 0, 0, values)
    return [last, values if ascending else -values]
