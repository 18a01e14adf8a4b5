"""Computes the envelope of a series for a chart: the minimum, maximum, mean, last value and count of each bucket.

The points of a series come in pieces, for example compressed chunks. A piece that falls into one bucket is answered by
its facts, so that it need not be decompressed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bridge.store.history import find_repeated
from bridge.store.pieces import Piece, X, groups, is_ordered, range_of

if TYPE_CHECKING:
    import numpy

    from bridge.store.chunks import ChunkFacts

    Array = numpy.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Envelope:
    """The envelope of a series. All arrays except `edges` have one entry for each bucket.

    `edges` are the borders of the buckets. A bucket contains the points with edges[i] <= x < edges[i + 1]. The last
    bucket also contains the points at the last edge.
    `minimum` and `maximum` skip NaN and contain ±inf. `mean` skips NaN and ±inf. They are NaN for a bucket without such
    values. `last` is the value of the last point in the order of x; it is NaN for an empty bucket.
    `count`, `nans` and `infinities` are the numbers of points, of NaN and of ±inf.
    `first` is the value of the first point of the range, or NaN for an empty range.
    """

    edges: Array
    minimum: Array
    maximum: Array
    mean: Array
    last: Array
    count: Array
    nans: Array
    infinities: Array
    first: float


def edges_of(low: float, high: float, buckets: int) -> Array:
    """Return the edges of buckets of equal width between `low` and `high`."""
    import numpy

    with numpy.errstate(all="ignore"):
        if math.isfinite(high - low):
            return numpy.linspace(low, high, buckets + 1)
        edges: Array = numpy.linspace(low / 2, high / 2, buckets + 1) * 2
        return edges


def envelope(pieces: Sequence[Piece], edges: Array, x: X = "step") -> Envelope:
    """Return the envelope of a series between the first and the last edge.

    The order of points is (step, timestamp, position), or (timestamp, step, position) if `x` is "time". A point that
    MLflow's API logged is excluded if an earlier point has the same step, timestamp and value, as for native readers.

    Args:
        pieces: the points of the series, in log order.
        edges: the borders of the buckets in ascending order, as float64.
        x: the axis.
    """
    sums = _Sums(edges)
    for group in groups(pieces, x):
        own = range_of(group, x)
        bucket = sums.bucket_of(*own) if is_ordered(group, x) else None
        if bucket is not None:
            sums.add_facts(bucket, group[0].facts)
        elif not sums.is_outside(own):
            sums.add_points(*_points(group, x))
    return sums.envelope()


def envelope_of_points(x: Array, values: Array, edges: Array) -> Envelope:
    """Return the envelope of points between the first and the last edge. The points must be in the order of x."""
    sums = _Sums(edges)
    sums.add_points(x, values)
    return sums.envelope()


class _Sums:
    """The facts about the buckets of an envelope. Points are added in the order of x."""

    def __init__(self, edges: Array) -> None:
        import numpy

        buckets = len(edges) - 1
        self.edges = edges
        self.minimum, self.maximum, self.last = (numpy.full(buckets, numpy.nan) for _ in range(3))
        self.total = numpy.zeros(buckets)
        self.count, self.nans, self.infinities = (numpy.zeros(buckets, dtype=numpy.int64) for _ in range(3))
        self.first: float | None = None

    def is_outside(self, of: tuple[int, int]) -> bool:
        """Return whether a range of x is outside of the buckets."""
        return bool(of[1] < self.edges[0] or of[0] > self.edges[-1])

    def bucket_of(self, low: int, high: int) -> int | None:
        """Return the bucket that contains a range of x, or None if no bucket contains all of it."""
        import numpy

        if low < self.edges[0] or high > self.edges[-1]:
            return None
        first, last = numpy.searchsorted(self.edges[1:-1], numpy.array([low, high], dtype=float), side="right").tolist()
        return int(first) if first == last else None

    def add_facts(self, bucket: int, facts: ChunkFacts) -> None:
        """Add the points of a piece that are all in one bucket."""
        import numpy

        if self.first is None:
            self.first = _number(facts.first_value)
        self.minimum[bucket] = numpy.fmin(self.minimum[bucket], _number(facts.minimum))
        self.maximum[bucket] = numpy.fmax(self.maximum[bucket], _number(facts.maximum))
        self.last[bucket] = _number(facts.last_value)
        with numpy.errstate(all="ignore"):
            self.total[bucket] += facts.total or 0.0
        self.count[bucket] += facts.points
        self.nans[bucket] += facts.nans
        self.infinities[bucket] += facts.infinities

    def add_points(self, x: Array, values: Array) -> None:
        """Add points, in the order of x."""
        import numpy

        begins = numpy.searchsorted(x, self.edges[:-1], side="left")
        ends = numpy.append(begins[1:], numpy.searchsorted(x, self.edges[-1], side="right"))
        filled = numpy.flatnonzero(ends > begins)
        if not len(filled):
            return
        begins, ends = begins[filled], ends[filled]
        if self.first is None:
            self.first = float(values[begins[0]])
        values = values[: ends[-1]]
        is_finite = numpy.isfinite(values)
        self.count[filled] += ends - begins
        self.last[filled] = values[ends - 1]
        with numpy.errstate(all="ignore"):
            if is_finite.all():
                least, greatest = numpy.minimum.reduceat(values, begins), numpy.maximum.reduceat(values, begins)
                self.total[filled] += numpy.add.reduceat(values, begins)
            else:
                quiet = numpy.where(numpy.isnan(values), numpy.nan, values)  # a signalling NaN is not skipped
                least, greatest = numpy.fmin.reduceat(quiet, begins), numpy.fmax.reduceat(quiet, begins)
                self.total[filled] += numpy.add.reduceat(numpy.where(is_finite, values, 0.0), begins)
                self.nans[filled] += numpy.add.reduceat(numpy.isnan(values), begins, dtype=numpy.int64)
                self.infinities[filled] += numpy.add.reduceat(numpy.isinf(values), begins, dtype=numpy.int64)
            self.minimum[filled] = numpy.fmin(self.minimum[filled], least)
            self.maximum[filled] = numpy.fmax(self.maximum[filled], greatest)

    def envelope(self) -> Envelope:
        """Return the envelope of all points that were added."""
        import numpy

        finite = self.count - self.nans - self.infinities
        mean = numpy.full(len(finite), numpy.nan)
        with numpy.errstate(all="ignore"):
            numpy.divide(self.total, finite, out=mean, where=finite > 0)
        return Envelope(
            self.edges,
            self.minimum,
            self.maximum,
            mean,
            self.last,
            self.count,
            self.nans,
            self.infinities,
            _number(self.first),
        )


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _points(group: Sequence[Piece], x: X) -> tuple[Array, Array]:
    """Return the x and the values of the points of a group, in the order of x."""
    import numpy

    major, minor = ("steps", "timestamps") if x == "step" else ("timestamps", "steps")
    if is_ordered(group, x):
        return group[0].column(major), group[0].column("values")
    columns = {
        name: numpy.concatenate([piece.column(name) for piece in group])
        for name in ("positions", "steps", "timestamps", "values", "apis")
    }
    order = numpy.lexsort((columns["positions"], columns[minor], columns[major]))
    repeated = find_repeated(*(columns[name] for name in ("positions", "steps", "timestamps", "values", "apis")))
    order = order[~repeated[order]]
    return columns[major][order], columns["values"][order]
