"""An envelope is the same from facts, from chunks and from plain points, and decompresses as little as possible."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.records.series import MLFLOW, NATIVE
from bridge.store.chunks import Columns, decode_column, encode
from bridge.store.envelope import edges_of, envelope
from bridge.store.pieces import Piece, X, range_of
from bridge.testing.naive import LoggedPoint, native_of

SIGNALLING = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000001))[0]
"""A NaN that `numpy.fmin` does not skip."""

VALUES = (0.0, -0.0, 1.0, -1.0, 0.1, 5e-324, math.inf, -math.inf, math.nan, SIGNALLING)

logged_points = st.builds(
    LoggedPoint,
    value=st.sampled_from(VALUES),
    timestamp=st.integers(0, 9),
    step=st.integers(0, 9),
    stepless=st.just(False),
    api=st.sampled_from((NATIVE, MLFLOW)),
)


class Pieces:
    """A series in pieces of `size` points, and a count of the columns that were read."""

    def __init__(self, points: Sequence[LoggedPoint], size: int) -> None:
        self.reads = 0
        self.pieces = [self._piece(points[at : at + size], at) for at in range(0, len(points), size)]

    def _piece(self, points: Sequence[LoggedPoint], first: int) -> Piece:
        chunk = encode(
            Columns(
                first + numpy.arange(len(points)),
                numpy.array([point.step for point in points]),
                numpy.array([point.timestamp for point in points]),
                numpy.array([point.value for point in points], dtype=numpy.float64),
                numpy.array([point.api for point in points], dtype=numpy.uint8),
            )
        )

        def column(name: str) -> Any:
            self.reads += 1
            return decode_column(chunk, name)

        return Piece(chunk.facts, column)


def naive(points: Sequence[LoggedPoint], edges: Sequence[float], x: X) -> list[list[float]]:
    """Return minimum, maximum, mean, last, count, and the numbers of NaN and ±inf of each bucket."""

    def order(point: LoggedPoint) -> tuple[int, int]:
        return (point.step, point.timestamp) if x == "step" else (point.timestamp, point.step)

    kept = sorted(native_of(points), key=order)
    buckets = []
    for at in range(len(edges) - 1):
        closed = at == len(edges) - 2
        own = [
            float(point.value)  # type: ignore[arg-type]
            for point in kept
            if edges[at] <= order(point)[0] < edges[at + 1] or (closed and order(point)[0] == edges[-1])
        ]
        numbers = [value for value in own if not math.isnan(value)]
        finite = [value for value in numbers if math.isfinite(value)]
        nothing = math.nan
        buckets.append([
            min(numbers, default=nothing), max(numbers, default=nothing),
            sum(finite) / len(finite) if finite else nothing,
            own[-1] if own else nothing, len(own), len(own) - len(numbers), len(numbers) - len(finite),
        ])  # fmt: skip
    return buckets


@pytest.mark.parametrize("x", ("step", "time"))
@given(st.lists(logged_points, min_size=1, max_size=20), st.integers(1, 6), st.integers(1, 5), st.data())
def test_an_envelope_in_pieces_is_that_of_the_points(
    x: X, points: list[LoggedPoint], size: int, buckets: int, data: st.DataObject
) -> None:
    if data.draw(st.booleans()):
        points.sort(key=lambda point: (point.step, point.timestamp))
    low, high = data.draw(st.sampled_from(((0, 9), (2, 7), (4, 4), (-5, 1))))
    edges = edges_of(low, high, buckets)
    with numpy.errstate(all="raise"):  # as a script may have set it
        found = envelope(Pieces(points, size).pieces, edges, x)
    expected = numpy.array(naive(points, edges.tolist(), x))
    for at, name in enumerate(("minimum", "maximum", "mean", "last", "count", "nans", "infinities")):
        numpy.testing.assert_allclose(getattr(found, name), expected[:, at], rtol=1e-12, err_msg=name)


def ordered(count: int) -> list[LoggedPoint]:
    return [LoggedPoint(math.sin(step), 10 * step, step, False, MLFLOW) for step in range(count)]


def test_pieces_that_fall_into_one_bucket_or_outside_are_not_decompressed() -> None:
    series = Pieces(ordered(100), size=10)
    found = envelope(series.pieces, numpy.array([20.0, 40.0, 60.0, 80.0]))
    assert (found.count.tolist(), found.first) == ([20, 20, 21], math.sin(20))
    assert found.minimum[0] == min(math.sin(step) for step in range(20, 40))
    assert series.reads == 2  # the piece that begins at the last edge: its steps and its values


def test_an_envelope_over_time_uses_the_facts_too() -> None:
    series = Pieces(ordered(100), size=10)
    assert envelope(series.pieces, edges_of(0, 990, 1), "time").count.tolist() == [100]
    assert series.reads == 0
    assert (range_of(series.pieces, "step"), range_of(series.pieces, "time")) == ((0, 99), (0, 990))


def test_a_repeated_point_of_mlflow_is_counted_once_over_pieces() -> None:
    series = Pieces([*ordered(10), *ordered(10)], size=10)
    assert envelope(series.pieces, edges_of(0, 9, 1)).count.tolist() == [10]


def test_an_empty_series_has_empty_buckets() -> None:
    found = envelope([], edges_of(0, 1, 2))
    assert found.count.tolist() == [0, 0]
    assert numpy.isnan([*found.minimum, *found.mean, *found.last, found.first]).all()
