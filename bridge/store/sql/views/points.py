"""The points of a metric of one run in a form for charts. Compressed chunks are decompressed only where necessary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy

from bridge.records.limits import INT64_MAX, INT64_MIN
from bridge.records.series import SeriesRecord
from bridge.store.envelope import Envelope, envelope, envelope_of_points
from bridge.store.history import find_repeated
from bridge.store.pieces import Piece, X, range_of

if TYPE_CHECKING:
    Array = numpy.ndarray[Any, Any]

BLOBS = ("positions", "steps", "timestamps", "values", "apis")


class Run(NamedTuple):
    """A run: its integer key, its id and its start time."""

    key: int
    id: str
    start: int | None


class Points(NamedTuple):
    """The points of a run in a range of x, in the order of a chart."""

    x: Array
    values: Array

    @property
    def range(self) -> tuple[float, float] | None:
        """The least and the greatest x."""
        return (float(self.x[0]), float(self.x[-1])) if len(self.x) else None

    @property
    def most(self) -> int:
        """The number of points."""
        return len(self.x)

    def envelope(self, edges: Array) -> Envelope:
        """Return the envelope of the points."""
        return envelope_of_points(self.x, self.values, edges)

    def within(self, low: float | None, high: float | None) -> Points:
        """Return the points in a range of x. Only finite x are in a range."""
        chosen = numpy.isfinite(self.x)
        for bound, is_within in ((low, numpy.greater_equal), (high, numpy.less_equal)):
            if bound is not None:
                chosen &= is_within(self.x, bound)
        return self if chosen.all() else Points(self.x[chosen], self.values[chosen])


class Pieces(NamedTuple):
    """The points of a run as pieces, of which some are compressed. `axis` is their x."""

    pieces: Sequence[Piece]
    axis: X

    @property
    def range(self) -> tuple[float, float] | None:
        """The least and the greatest x."""
        return range_of(self.pieces, self.axis)

    @property
    def most(self) -> int:
        """The greatest possible number of points. Points that MLflow's API logged again are counted too."""
        return sum(piece.facts.points for piece in self.pieces)

    def envelope(self, edges: Array) -> Envelope:
        """Return the envelope of the points."""
        return envelope(self.pieces, edges, self.axis)

    def within(self, low: float | None, high: float | None) -> Points:
        """Return the points in a range of x. Pieces outside of the range are not decompressed."""
        name = "step" if self.axis == "step" else "timestamp"
        chosen = [
            piece
            for piece in self.pieces
            if (low is None or float(getattr(piece.facts, f"greatest_{name}")) >= low)
            and (high is None or float(getattr(piece.facts, f"least_{name}")) <= high)
        ]
        if not chosen:
            return Points(numpy.empty(0), numpy.empty(0))
        points = _columns(*(numpy.concatenate([piece.column(blob) for piece in chosen]) for blob in BLOBS))
        return _ordered(points, self.axis, (points[f"{name}s"]).astype(numpy.float64)).within(low, high)


def since(pieces: Sequence[Piece], start: int | None) -> list[Piece] | None:
    """Return pieces whose timestamps begin at a time, or at the least timestamp; None if 64 bits do not suffice."""
    zero = min(piece.facts.least_timestamp for piece in pieces) if start is None else start
    if any(
        piece.facts.least_timestamp - zero < INT64_MIN or piece.facts.greatest_timestamp - zero > INT64_MAX
        for piece in pieces
    ):
        return None
    return [_moved(piece, zero) for piece in pieces]


def _moved(piece: Piece, zero: int) -> Piece:
    facts = piece.facts
    return Piece(
        facts._replace(
            first_timestamp=facts.first_timestamp - zero,
            last_timestamp=facts.last_timestamp - zero,
            least_timestamp=facts.least_timestamp - zero,
            greatest_timestamp=facts.greatest_timestamp - zero,
        ),
        lambda name: piece.column(name) - zero if name == "timestamps" else piece.column(name),
    )


def points_of(record: SeriesRecord, run: Run, x: str, axis: SeriesRecord | None) -> Points:
    """Return all points of a series in the order of a chart. `axis` is the series of an axis that is a metric."""
    assert record.numbers is not None
    points = _columns(record.positions, record.steps, record.timestamps, record.numbers, record.apis)
    steps, timestamps = points["steps"], points["timestamps"]
    if x == "step":
        return _ordered(points, "step", steps.astype(numpy.float64))
    if x in ("time", "relative"):
        zero = 0 if x == "time" else int(timestamps.min()) if run.start is None else run.start
        return _ordered(points, "time", _since(timestamps, zero))
    over = numpy.full(len(steps), numpy.nan) if axis is None else _at_steps(axis, steps)
    order = numpy.lexsort((points["positions"], timestamps, steps, over))
    return Points(over[order], points["values"][order])


def _columns(positions: Array, steps: Array, timestamps: Array, values: Array, apis: Array) -> Mapping[str, Array]:
    """Return points without those that MLflow's API logged again."""
    columns = {"positions": positions, "steps": steps, "timestamps": timestamps, "values": values}
    repeated = find_repeated(positions, steps, timestamps, values, apis)
    return {name: column[~repeated] for name, column in columns.items()} if repeated.any() else columns


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


def _ordered(points: Mapping[str, Array], axis: X, x: Array) -> Points:
    """Return points in the order of an axis. `x` is the axis as float64."""
    major, minor = ("steps", "timestamps") if axis == "step" else ("timestamps", "steps")
    rises = points[major][1:] > points[major][:-1]
    if not rises.all():
        rises |= (points[major][1:] == points[major][:-1]) & (points[minor][1:] > points[minor][:-1])
    if rises.all():
        return Points(x, points["values"])
    order = numpy.lexsort((points["positions"], points[minor], points[major]))
    return Points(x[order], points["values"][order])
