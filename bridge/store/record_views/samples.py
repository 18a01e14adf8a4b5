"""Series in a form for charts, computed point by point."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from bridge.records.series import MLFLOW, Latest, SeriesRecord, comparable
from bridge.records.views import METRIC_AXIS, Buckets, SampledSeries, SeriesFacts
from bridge.store.envelope import edges_of
from bridge.store.record_views.columns import spread_of
from bridge.store.record_views.series import find_series, points_of

if TYPE_CHECKING:
    from bridge.records.run import RunRecord


class _Point(NamedTuple):
    """A point of a chart. `rank` orders the points whose x are rounded to the same number."""

    x: float
    rank: tuple[int, int]
    value: float


def sample(
    runs: Sequence[tuple[RunRecord, Sequence[SeriesRecord]]],
    key: str,
    buckets: int,
    x: str,
    low: float | None,
    high: float | None,
    groups: Mapping[str, str] | None,
) -> list[SampledSeries]:
    """Return the series of one key. Each run is given with all its series. See `RunViews.sample_series`."""
    found: dict[str, list[_Point]] = {}
    for record, series in runs:
        points = [point for point in _points(record, series, key, x) if _is_within(point.x, low, high)]
        if points and (groups is None or record.id in groups):
            found[record.id] = sorted(points, key=lambda point: point[:2])
    if not found:
        return []
    ends = [points[end].x for points in found.values() for end in (0, -1)]
    edges = edges_of(min(ends) if low is None else low, max(ends) if high is None else high, buckets)
    if groups is None:
        return [
            _sampled(run_id, key, points, edges.tolist(), _last_position(runs, run_id, key))
            for run_id, points in found.items()
        ]
    members: dict[str, list[list[_Point]]] = {}
    for run_id, points in found.items():
        members.setdefault(groups[run_id], []).append(points)
    return [_merged(name, key, own, edges.tolist()) for name, own in members.items()]


def _last_position(runs: Sequence[tuple[RunRecord, Sequence[SeriesRecord]]], run_id: str, key: str) -> int:
    series = find_series(next(series for record, series in runs if record.id == run_id), key)
    return -1 if series is None else int(series.positions[-1])


def _is_within(x: float, low: float | None, high: float | None) -> bool:
    return math.isfinite(x) and (low is None or x >= low) and (high is None or x <= high)


def _points(record: RunRecord, series: Sequence[SeriesRecord], key: str, x: str) -> list[_Point]:
    found = find_series(series, key)
    if found is None:
        return []
    points = _without_repeated(found)
    if x == "step":
        return [_Point(float(point.step), (point.step, point.timestamp), point.value) for point in points]
    if x in ("time", "relative"):
        start = record.start_time
        if start is None:
            start = min(point.timestamp for point in points)
        zero = start if x == "relative" else 0
        return [_Point(float(point.timestamp - zero), (point.timestamp, point.step), point.value) for point in points]
    axis = find_series(series, x.removeprefix(METRIC_AXIS))
    places = {} if axis is None else {point.step: point.value for point in points_of(axis)}
    return [
        _Point(places[point.step], (point.step, point.timestamp), point.value)
        for point in points
        if point.step in places
    ]


def _without_repeated(record: SeriesRecord) -> list[Latest]:
    """Return the points of a series in log order, without those that MLflow's API logged again."""
    seen: set[tuple[int, int, float | None]] = set()
    kept = []
    for point, api in zip(points_of(record), record.apis.tolist(), strict=True):
        same = point.step, point.timestamp, None if math.isnan(point.value) else comparable(point.value)
        if api != MLFLOW or same not in seen:
            kept.append(point)
        seen.add(same)
    return kept


def _sampled(name: str, key: str, points: Sequence[_Point], edges: Sequence[float], position: int) -> SampledSeries:
    import numpy

    facts, bounds = _facts([points]), numpy.array(edges)
    if len(points) < len(edges):
        x, values = (numpy.array([point[at] for point in points], dtype=numpy.float64) for at in (0, 2))
        return SampledSeries(name, key, bounds, facts, None, x, values, position)
    parts = _parts(points, edges)
    numbers = [[value for value in part if not math.isnan(value)] for part in parts]
    buckets = Buckets(
        numpy.array([len(part) for part in parts], dtype=numpy.int64),
        numpy.array([min(part, default=math.nan) for part in numbers]),
        numpy.array([max(part, default=math.nan) for part in numbers]),
        numpy.array([_mean(part) for part in parts]),
        numpy.array([part[-1] if part else math.nan for part in parts]),
    )
    return SampledSeries(name, key, bounds, facts, buckets, position=position)


def _merged(name: str, key: str, runs: Sequence[Sequence[_Point]], edges: Sequence[float]) -> SampledSeries:
    import numpy

    means = [[_mean(part) for part in _parts(points, edges)] for points in runs]
    spreads = [spread_of(column) for column in zip(*means, strict=True)]
    buckets = Buckets(
        numpy.array([spread.count for spread in spreads], dtype=numpy.int64),
        numpy.array([spread.minimum for spread in spreads]),
        numpy.array([spread.maximum for spread in spreads]),
        numpy.array([spread.mean for spread in spreads]),
        deviation=numpy.array([spread.deviation for spread in spreads]),
    )
    facts = _facts(runs)._replace(first=math.nan, last=math.nan)
    return SampledSeries(name, key, numpy.array(edges), facts, buckets)


def _parts(points: Sequence[_Point], edges: Sequence[float]) -> list[list[float]]:
    """Return the values in each bucket. The points must be ordered by x."""
    parts: list[list[float]] = [[] for _ in edges[1:]]
    for x, _, value in points:
        # If several buckets begin at the same bound, the last of them has the points.
        parts[max(at for at in range(len(parts)) if edges[at] <= x)].append(value)
    return parts


def _mean(values: Sequence[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else math.nan


def _facts(runs: Sequence[Sequence[_Point]]) -> SeriesFacts:
    values = [point.value for points in runs for point in points]
    numbers = [value for value in values if not math.isnan(value)]
    return SeriesFacts(
        len(values),
        len(values) - len(numbers),
        sum(math.isinf(value) for value in numbers),
        values[0],
        values[-1],
        min(numbers, default=math.nan),
        max(numbers, default=math.nan),
    )
