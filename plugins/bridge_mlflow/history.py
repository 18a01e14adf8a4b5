"""The history of a metric for MLflow's clients: its points, their order, pages and samples.

This module does not import MLflow.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy

from bridge.errors import NotFound
from bridge.records.series import COLUMN, SCALAR, Series, SeriesRecord
from bridge.store.history import mlflow_history
from bridge.store.one_run import get_series
from bridge.store.tracking import TrackingStore
from bridge.store.views import RunViews
from bridge_mlflow.queries import offset_token, start_of

NOTHING = mlflow_history([])


class HistoryPage(NamedTuple):
    """A page of a metric's points, and the token of the next page, or None on the last page."""

    key: str
    points: Series
    token: bytes | None


class RunPoints(NamedTuple):
    """Points of one metric of a run."""

    run_id: str
    key: str
    points: Series


def page(
    views: RunViews, run_id: str | None, key: str | None, max_results: int | None, page_token: str | bytes | None
) -> HistoryPage:
    """Return a page of a metric's points, ordered by timestamp, step and value.

    The page starts at the offset that `page_token` contains. Without `max_results` it contains all remaining points.
    """
    start = start_of(page_token)
    if run_id is None or not isinstance(key, str):
        return HistoryPage("", NOTHING, None)
    if max_results is None or max_results < 0:
        return HistoryPage(key, views.get_history(run_id, key, start), None)
    found = views.get_history(run_id, key, start, max_results + 1)  # one more, which shows that a next page exists
    has_more = len(found.steps) > max_results
    return HistoryPage(key, take(found, slice(max_results)), offset_token(start + max_results) if has_more else None)


def bulk(tracking: TrackingStore, run_ids: Iterable[str], key: str, max_results: int) -> list[RunPoints]:
    """Return the points of a metric of several runs, ordered by run id, at most `max_results` in total."""
    parts, left = [], max_results
    for run_id in sorted(set(run_ids)):
        part = RunPoints(run_id, key, take(read(tracking, run_id, key), slice(0, left)))
        left -= len(part.points.steps)
        parts.append(part)
    return parts


def read(tracking: TrackingStore, run_id: str | None, key: str | None) -> Series:
    """Return the points of a metric, ordered by timestamp, step and value.

    The result is empty if the run or the metric does not exist, if `run_id` is None, or if `key` is not text.

    Source: MLflow 3.17.2, `SqlAlchemyStore.get_metric_history`.
    """
    if run_id is None or not isinstance(key, str):
        return mlflow_history([])
    parts = key.split(".")
    # MLflow's API names a table's column `<key>.<column>`, and both parts may contain dots.
    keys = [key, *(".".join(parts[:count]) for count in range(1, len(parts)))]
    try:
        records = get_series(tracking, run_id, keys)
    except NotFound:
        records = []
    return mlflow_history([record for record in records if _is_metric(record, key)])


def by_step(points: Series) -> Series:
    """Return points that are ordered by timestamp, step and value in the order of step, timestamp and value."""
    if (points.steps[1:] >= points.steps[:-1]).all():
        return points
    return take(points, numpy.argsort(points.steps, kind="stable"))


def between(points: Series, start_step: int, end_step: int) -> Series:
    """Return the points with `start_step` <= step <= `end_step`."""
    return take(points, (points.steps >= start_step) & (points.steps <= end_step))


def at_steps(points: Series, steps: Iterable[int]) -> Series:
    """Return the points whose step is in `steps`."""
    return take(points, numpy.isin(points.steps, numpy.array(list(steps), dtype=numpy.int64)))


def sampled(points: Series, most: int) -> Series:
    """Return at most `most` points, with the extremes of the series. All of them were logged.

    The result contains the first and the last point. The points between them are split into `most // 2 - 1` groups of
    consecutive points, and the result contains the least and the greatest point of each group. NaN is skipped, unless a
    group consists of NaN. If `most` is 1, the result is the last point.
    MLflow's own store returns the first point of each group, so that its charts lack extremes.
    """
    count = len(points.steps)
    if count <= most:
        return points
    if most == 1:
        return take(points, slice(count - 1, count))
    borders = numpy.linspace(1, count - 1, most // 2, dtype=numpy.int64)  # of the groups
    least = _first_of_groups(numpy.where(numpy.isnan(points.values), numpy.inf, points.values), borders)
    greatest = _first_of_groups(numpy.where(numpy.isnan(points.values), numpy.inf, -points.values), borders)
    return take(points, numpy.unique([0, *least, *greatest, count - 1]))


def _first_of_groups(values: numpy.ndarray[Any, Any], borders: numpy.ndarray[Any, Any]) -> list[int]:
    """Return, for each group of values, the index of its least value, or of the first of several."""
    return [begin + int(values[begin:end].argmin()) for begin, end in itertools.pairwise(borders.tolist())]


def take(points: Series, which: numpy.ndarray[Any, Any] | slice) -> Series:
    """Return the points that an array of indexes, a boolean mask or a slice selects."""
    return Series(points.steps[which], points.timestamps[which], points.values[which])


def _is_metric(record: SeriesRecord, key: str) -> bool:
    if record.value_type != "number":
        return False
    if record.kind == COLUMN:
        return f"{record.key}.{record.column}" == key
    return record.kind == SCALAR and record.key == key
