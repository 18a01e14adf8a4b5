"""Hypothesis strategies for points. They draw from few values, so that equal values are common."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from hypothesis import strategies as st

from bridge.records.series import BIG, COLUMN, DESCRIPTION, IMAGE, MLFLOW, NATIVE, PREDICTIONS, Point, Value


def float_of(bits: int) -> float:
    """Return the float64 whose 64 bits are `bits`."""
    return float(struct.unpack("<d", struct.pack("<Q", bits))[0])


def bits_of(value: float) -> int:
    """Return the 64 bits of a float64 as an unsigned integer."""
    return int(struct.unpack("<Q", struct.pack("<d", value))[0])


QUIET_NAN, NAN_WITH_PAYLOAD, NEGATIVE_NAN = map(float_of, (0x7FF8 << 48, 0x7FF8 << 48 | 0xBEEF, 0xFFF8 << 48 | 7))
SIGNALLING_NAN = float_of(0x7FF0 << 48 | 1)
LEAST_DENORMAL = 5e-324

KEYS = ("loss", "val/acc", "Größe 🎈")
STEPS = (None, 0, 1, 2, -(2**63), 2**63 - 1)
TIMESTAMPS = (0, 1, 2, 2**63 - 1)
FLOATS = (
    0.0, -0.0, 1.0, -1.0, 0.1, LEAST_DENORMAL, -LEAST_DENORMAL, BIG, -BIG, float("inf"), float("-inf"),
    QUIET_NAN, NAN_WITH_PAYLOAD, NEGATIVE_NAN,
    SIGNALLING_NAN,
)  # fmt: skip
INTS = (0, 1, -1, 2**53, -(2**53), 2**53 + 1, -(2**53) - 1, 2**63 - 1, 2**63, -(2**63), 10**300)
TEXTS = ("", "Red", "1.0", "a\nb", "Größe 🎈", True, False, None)
TAG_VALUES = ("", "a", "b", None)
COLUMNS = ("x", "y.z", "Größe 🎈")

keys = st.sampled_from(KEYS)
steps = st.sampled_from(STEPS)
timestamps = st.sampled_from(TIMESTAMPS)
apis = st.sampled_from((NATIVE, MLFLOW))
floats: st.SearchStrategy[float] = st.sampled_from(FLOATS)
ints: st.SearchStrategy[int] = st.sampled_from(INTS)
texts: st.SearchStrategy[Value] = st.sampled_from(TEXTS)
values: st.SearchStrategy[Value] = st.one_of(floats, ints, texts)


def points(of: st.SearchStrategy[Value] = values) -> st.SearchStrategy[Point]:
    """Return a strategy for scalar points. `of` is the strategy for their values."""
    return st.builds(scalar, keys, of, timestamps, steps)


def scalar(key: str, value: Value, timestamp: int, step: int | None) -> Point:
    """Return a scalar point, which does not belong to a row."""
    return Point(key, value, timestamp, step)


def row(key: str, cells: Mapping[str, Value], timestamp: int, step: int | None = None) -> list[Point]:
    """Return the points of one row. `cells` has the values by column."""
    return [
        Point(key, value, timestamp, step, COLUMN, column, joined=at > 0)
        for at, (column, value) in enumerate(cells.items())
    ]


def rows(of: st.SearchStrategy[Value] = values) -> st.SearchStrategy[list[Point]]:
    """Return a strategy for rows of one to three cells. `of` is the strategy for the values of the cells."""
    cells = st.dictionaries(st.sampled_from(COLUMNS), of, min_size=1)
    return st.builds(row, keys, cells, timestamps, steps)


def kept_files(of: st.SearchStrategy[str] = keys) -> st.SearchStrategy[Point]:
    """Return a strategy for points that name an artifact, and for descriptions. `of` is the strategy for their keys."""
    paths, kinds = st.sampled_from(("a.png", "b.png")), st.integers(IMAGE, PREDICTIONS)
    none, no_row = st.just(""), st.just(False)
    return st.one_of(
        st.builds(Point, of, paths, timestamps, steps, kinds, none, no_row),
        st.builds(Point, of, paths, timestamps, st.just(0), st.just(DESCRIPTION), none, no_row),
    )


def flat(parts: list[list[Point] | Point]) -> list[Point]:
    """Return a list of all points, in which the points of each row follow each other."""
    return [point for part in parts for point in (part if isinstance(part, list) else [part])]


tied_values: st.SearchStrategy[Value] = st.sampled_from(
    (0.0, -0.0, QUIET_NAN, NAN_WITH_PAYLOAD, float("inf"), BIG, 1.0, -1.0, 1, 0, "Red", True, None)
)
tied_keys, tied_timestamps, tied_steps = (
    st.sampled_from(KEYS[:2]),
    st.sampled_from((0, 1)),
    st.sampled_from((None, 0, 1)),
)
tied_points = st.builds(scalar, tied_keys, tied_values, tied_timestamps, tied_steps)
"""Scalar points with very few values: most points have the same key, step, timestamp or value as another point."""

tied_rows = st.builds(
    row,
    tied_keys,
    st.dictionaries(st.sampled_from(COLUMNS[:2]), tied_values, min_size=1),
    tied_timestamps,
    tied_steps,
)
"""Rows with very few values. They have the same keys as `tied_points`."""
