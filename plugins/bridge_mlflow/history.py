"""Which points MLflow knows as one metric, and how it samples them for a chart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy

from bridge.errors import NotFound
from bridge.records.series import COLUMN, SCALAR, Series, SeriesRecord
from bridge.store.points import mlflow_history
from bridge.store.tracking import TrackingStore


def read(tracking: TrackingStore, run_id: str, metric_key: str) -> Series:
    """The points of a metric by timestamp, step, value; none if there is no such run or metric.

    Source: MLflow 3.17.2, `SqlAlchemyStore.get_metric_history`.
    """
    parts = metric_key.split(".")
    # A table's column is `<key>.<column>` at this door, and both may have dots.
    keys = [metric_key, *(".".join(parts[:count]) for count in range(1, len(parts)))]
    try:
        records = tracking.get_series(run_id, keys)
    except NotFound:
        records = []
    return mlflow_history([record for record in records if _is_metric(record, metric_key)])


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


def rows(points: Series) -> Iterator[tuple[float, int, int]]:
    """(value, timestamp, step) of each point, as Python's own numbers."""
    return zip(points.values.tolist(), points.timestamps.tolist(), points.steps.tolist(), strict=True)


def _is_metric(record: SeriesRecord, metric_key: str) -> bool:
    if record.value_type != "number":
        return False
    if record.kind == COLUMN:
        return f"{record.key}.{record.column}" == metric_key
    return record.kind == SCALAR and record.key == metric_key
