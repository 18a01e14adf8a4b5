"""Series in a form for charts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy

from bridge.records.limits import INT64_MAX, INT64_MIN
from bridge.records.series import SeriesRecord
from bridge.records.times import stored_time
from bridge.records.views import METRIC_AXIS, Buckets, SampledSeries, SeriesFacts
from bridge.store.envelope import Envelope, edges_of, envelope_of_points
from bridge.store.history import find_repeated
from bridge.store.record_views.series import find_series, keys_of_name
from bridge.store.sql import series
from bridge.store.sql.statements import in_chunks

if TYPE_CHECKING:
    from bridge.store.sql.connection import Connection

    Array = numpy.ndarray[Any, Any]


class _Run(NamedTuple):
    """A run: its integer key, its id and its start time."""

    key: int
    id: str
    start: int | None


class _Points(NamedTuple):
    """The points of a run in the order of a chart."""

    x: Array
    values: Array


def sample(
    c: Connection,
    run_ids: Sequence[str],
    keys: Sequence[str],
    buckets: int,
    x: str,
    low: float | None,
    high: float | None,
    groups: Mapping[str, str] | None,
) -> list[SampledSeries]:
    """Return metrics of runs. See `RunViews.sample_series`."""
    runs = [run for run in _runs(c, run_ids) if groups is None or run.id in groups]
    found: list[SampledSeries] = []
    for key in keys:
        points = _read(c, runs, key, x, low, high)
        if points:
            edges = edges_of(*_range(points, low, high), buckets)
            found += _sampled(key, points, edges) if groups is None else _merged(key, points, edges, groups)
    return found


def _runs(c: Connection, run_ids: Sequence[str]) -> list[_Run]:
    found = {
        id: _Run(key, id, stored_time(start))
        for key, id, start in in_chunks(c, "SELECT key, id, start_time FROM run WHERE id IN ({})", run_ids)
    }
    return [found[run_id] for run_id in dict.fromkeys(run_ids) if run_id in found]


def _read(
    c: Connection, runs: Sequence[_Run], key: str, x: str, low: float | None, high: float | None
) -> dict[str, _Points]:
    """Return the points of a metric that are in the range, by run id. A run without such points is absent."""
    axis = x.removeprefix(METRIC_AXIS) if x.startswith(METRIC_AXIS) else None
    names = keys_of_name(key) + ([] if axis is None else keys_of_name(axis))
    found = {}
    records = series.read(c, [run.key for run in runs], list(dict.fromkeys(names)))
    for run in runs:
        own = find_series(records[run.key], key)
        if own is not None:
            over = None if axis is None else find_series(records[run.key], axis)
            points = _within(_points(own, run, x, over), low, high)
            if len(points.x):
                found[run.id] = points
    return found


def _points(record: SeriesRecord, run: _Run, x: str, axis: SeriesRecord | None) -> _Points:
    assert record.numbers is not None
    steps, timestamps, positions = record.steps, record.timestamps, record.positions
    repeated = find_repeated(positions, steps, timestamps, record.numbers, record.apis)
    columns = [record.numbers, steps, timestamps, positions]
    if repeated.any():
        columns = [column[~repeated] for column in columns]
    values, steps, timestamps, positions = columns
    if x == "step":
        return _ordered(steps.astype(numpy.float64), values, (positions, timestamps, steps))
    if x in ("time", "relative"):
        zero = 0 if x == "time" else int(timestamps.min()) if run.start is None else run.start
        return _ordered(_since(timestamps, zero), values, (positions, steps, timestamps))
    over = numpy.full(len(steps), numpy.nan) if axis is None else _at_steps(axis, steps)
    return _ordered(over, values, (positions, timestamps, steps, over))


def _since(timestamps: Array, zero: int) -> Array:
    """Return the differences to a time, rounded only once. They may need more than 64 bits."""
    if INT64_MIN <= int(timestamps.min()) - zero and int(timestamps.max()) - zero <= INT64_MAX:
        return (timestamps - zero).astype(numpy.float64)
    return numpy.array([timestamp - zero for timestamp in timestamps.tolist()], dtype=numpy.float64)


def _at_steps(axis: SeriesRecord, steps: Array) -> Array:
    """Return the last logged value of a series at each step, or NaN where it has no point."""
    assert axis.numbers is not None
    known, last = numpy.unique(axis.steps[::-1], return_index=True)
    numbers = axis.numbers[::-1][last]
    at = numpy.minimum(numpy.searchsorted(known, steps), len(known) - 1)
    return numpy.where(known[at] == steps, numbers[at], numpy.nan)


def _ordered(x: Array, values: Array, ranks: tuple[Array, ...]) -> _Points:
    """Return points in the order of the ranks. The last rank decides first."""
    minor, major = ranks[-2:]
    rises = major[1:] > major[:-1]
    if not rises.all():
        rises |= (major[1:] == major[:-1]) & (minor[1:] > minor[:-1])
    if not rises.all():
        order = numpy.lexsort(ranks)
        x, values = x[order], values[order]
    return _Points(x, values)


def _within(points: _Points, low: float | None, high: float | None) -> _Points:
    chosen = numpy.isfinite(points.x)
    for bound, is_within in ((low, numpy.greater_equal), (high, numpy.less_equal)):
        if bound is not None:
            chosen &= is_within(points.x, bound)
    return points if chosen.all() else _Points(points.x[chosen], points.values[chosen])


def _range(points: Mapping[str, _Points], low: float | None, high: float | None) -> tuple[float, float]:
    """Return the bounds of the buckets: the given ones, or the least and the greatest x of all runs."""
    least = min(float(own.x[0]) for own in points.values())
    greatest = max(float(own.x[-1]) for own in points.values())
    return least if low is None else low, greatest if high is None else high


def _sampled(key: str, points: Mapping[str, _Points], edges: Array) -> list[SampledSeries]:
    found = []
    for run_id, (x, values) in points.items():
        envelope = envelope_of_points(x, values, edges)
        facts = _facts([envelope])
        if len(x) < len(edges):
            found.append(SampledSeries(run_id, key, edges, facts, None, x, values))
        else:
            found.append(SampledSeries(run_id, key, edges, facts, _buckets(envelope)))
    return found


def _buckets(envelope: Envelope) -> Buckets:
    return Buckets(envelope.count, envelope.minimum, envelope.maximum, envelope.mean, envelope.last)


def _facts(envelopes: Sequence[Envelope]) -> SeriesFacts:
    """Return the facts of one run, or of several runs together, which have no first and no last value."""
    one = envelopes[0] if len(envelopes) == 1 else None
    return SeriesFacts(
        points=sum(int(envelope.count.sum()) for envelope in envelopes),
        nans=sum(int(envelope.nans.sum()) for envelope in envelopes),
        infinities=sum(int(envelope.infinities.sum()) for envelope in envelopes),
        first=math.nan if one is None else one.first,
        last=math.nan if one is None else float(one.last[numpy.flatnonzero(one.count)[-1]]),
        minimum=float(numpy.fmin.reduce([numpy.fmin.reduce(envelope.minimum) for envelope in envelopes])),
        maximum=float(numpy.fmax.reduce([numpy.fmax.reduce(envelope.maximum) for envelope in envelopes])),
    )


def _merged(key: str, points: Mapping[str, _Points], edges: Array, groups: Mapping[str, str]) -> list[SampledSeries]:
    members: dict[str, list[Envelope]] = {}
    for run_id, (x, values) in points.items():
        members.setdefault(groups[run_id], []).append(envelope_of_points(x, values, edges))
    return [
        SampledSeries(
            name,
            key,
            edges,
            _facts(envelopes)._replace(first=math.nan, last=math.nan),
            _spread(numpy.stack([envelope.mean for envelope in envelopes])),
        )
        for name, envelopes in members.items()
    ]


def _spread(means: Array) -> Buckets:
    """Return the spread of the means of runs. `means` has one row for each run, and one column for each bucket."""
    is_known = ~numpy.isnan(means)
    count = is_known.sum(axis=0)
    with numpy.errstate(over="ignore", invalid="ignore", divide="ignore"):
        mean = numpy.where(is_known, means, 0.0).sum(axis=0) / count
        squares = numpy.where(is_known, (means - mean) ** 2, 0.0).sum(axis=0)
        deviation = numpy.sqrt(squares / (count - 1))
    deviation[count < 2] = numpy.nan
    return Buckets(
        count.astype(numpy.int64),
        numpy.fmin.reduce(means, axis=0),
        numpy.fmax.reduce(means, axis=0),
        mean,
        deviation=deviation,
    )
