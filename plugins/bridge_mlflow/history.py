"""The points of metrics as MLflow's clients get them: which points are one metric, their order, pages and samples."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy
from mlflow.entities import Metric
from mlflow.entities.metric import MetricWithRunId
from mlflow.store.entities.paged_list import PagedList
from mlflow.utils.search_utils import SearchUtils

from bridge.errors import NotFound
from bridge.records.series import COLUMN, SCALAR, Series, SeriesRecord
from bridge.store.one_run import get_series
from bridge.store.points import mlflow_history
from bridge.store.tracking import TrackingStore
from bridge_mlflow.queries import start_of


def page(
    tracking: TrackingStore, run_id: str, key: str, max_results: int | None, page_token: str | bytes | None
) -> PagedList[Metric]:
    """A page of a metric's points by timestamp, step, value; without `max_results` all from the token on."""
    start = start_of(page_token)
    found = read(tracking, run_id, key)
    stop = None if max_results is None else start + max_results
    more = stop is not None and stop < len(found.steps)
    token = SearchUtils.create_page_token(stop) if more else None
    return PagedList(_metrics(key, take(found, slice(start, stop))), token)


def bulk(tracking: TrackingStore, run_ids: Iterable[str], key: str, max_results: int) -> list[MetricWithRunId]:
    """The points of a metric of several runs, by run id, so many in all."""
    points: list[MetricWithRunId] = []
    for run_id in sorted(set(run_ids)):
        wanted = slice(0, max_results - len(points))
        points += with_run_id(run_id, key, take(read(tracking, run_id, key), wanted))
    return points


def read(tracking: TrackingStore, run_id: str | None, key: str | None) -> Series:
    """The points of a metric by timestamp, step, value; none if there is no such run or metric, None being neither.

    Source: MLflow 3.17.2, `SqlAlchemyStore.get_metric_history`.
    """
    if run_id is None or not isinstance(key, str):
        return mlflow_history([])
    parts = key.split(".")
    # A table's column is `<key>.<column>` at this door, and both may have dots.
    keys = [key, *(".".join(parts[:count]) for count in range(1, len(parts)))]
    try:
        records = get_series(tracking, run_id, keys)
    except NotFound:
        records = []
    return mlflow_history([record for record in records if _is_metric(record, key)])


def by_step(points: Series) -> Series:
    """The points by step, timestamp, value."""
    return take(points, numpy.argsort(points.steps, kind="stable"))


def between(points: Series, start_step: int, end_step: int) -> Series:
    """The points whose step lies between two, both included."""
    return take(points, (points.steps >= start_step) & (points.steps <= end_step))


def at_steps(points: Series, steps: Iterable[int]) -> Series:
    """The points whose step is one of some."""
    return take(points, numpy.isin(points.steps, numpy.array(list(steps), dtype=numpy.int64)))


def sampled(points: Series, most: int) -> Series:
    """At most so many points: the first of each of `most` groups of rows, the last of all in place of the last.

    The first `n mod most` groups have one row more than the others.
    Source: MLflow 3.17.2, `SqlAlchemyStore._sample_rows_with_window_functions` (`NTILE`).
    """
    count = len(points.steps)
    if count <= most:
        return points
    size, larger = divmod(count, most)
    group = numpy.arange(most)
    index = group * size + numpy.minimum(group, larger)
    index[-1] = count - 1
    return take(points, index)


def take(points: Series, which: numpy.ndarray[Any, Any] | slice) -> Series:
    """The points at some indexes, where a mask is true, or in a slice."""
    return Series(points.steps[which], points.timestamps[which], points.values[which])


def with_run_id(run_id: str, key: str, points: Series) -> list[MetricWithRunId]:
    """The points as MLflow's entities that name their run."""
    return [MetricWithRunId(point, run_id) for point in _metrics(key, points)]


def _metrics(key: str, points: Series) -> list[Metric]:
    rows = zip(points.values.tolist(), points.timestamps.tolist(), points.steps.tolist(), strict=True)
    return [Metric(key, value, timestamp, step) for value, timestamp, step in rows]


def _is_metric(record: SeriesRecord, key: str) -> bool:
    if record.value_type != "number":
        return False
    if record.kind == COLUMN:
        return f"{record.key}.{record.column}" == key
    return record.kind == SCALAR and record.key == key
