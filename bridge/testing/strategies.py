"""What property tests draw points from: small pools on purpose, so that ties and repeats are common."""

from __future__ import annotations

import struct

from hypothesis import strategies as st

from bridge.records.series import BIG, MLFLOW, NATIVE, Point, Value


def float_of(bits: int) -> float:
    """The float64 that has these 64 bits."""
    return float(struct.unpack("<d", struct.pack("<Q", bits))[0])


def bits_of(value: float) -> int:
    """The 64 bits of a float64."""
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

keys = st.sampled_from(KEYS)
steps = st.sampled_from(STEPS)
timestamps = st.sampled_from(TIMESTAMPS)
doors = st.sampled_from((NATIVE, MLFLOW))
floats: st.SearchStrategy[float] = st.sampled_from(FLOATS)
ints: st.SearchStrategy[int] = st.sampled_from(INTS)
texts: st.SearchStrategy[Value] = st.sampled_from(TEXTS)
values: st.SearchStrategy[Value] = st.one_of(floats, ints, texts)


def points(of: st.SearchStrategy[Value] = values) -> st.SearchStrategy[Point]:
    """Points with values of a strategy."""
    return st.builds(Point, keys, of, timestamps, steps)


tied_points = st.builds(
    Point,
    st.sampled_from(KEYS[:2]),
    st.sampled_from((0.0, -0.0, QUIET_NAN, NAN_WITH_PAYLOAD, float("inf"), BIG, 1.0, -1.0, 1, 0, "Red", True, None)),
    st.sampled_from((0, 1)),
    st.sampled_from((None, 0, 1)),
)
"""Points so alike that most of them tie with another in something."""
