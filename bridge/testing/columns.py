"""Columns of points for tests, made from points."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from hypothesis import strategies as st

from bridge.records.point_columns import PointColumns, int_flags
from bridge.records.series import Point, Value
from bridge.testing.naive import is_number
from bridge.testing.strategies import scalar, tied_keys, tied_timestamps, tied_values

tied_numbers: st.SearchStrategy[Value] = tied_values.filter(is_number)


def column_points(points: Sequence[Point]) -> PointColumns:
    """Return scalar numbers as columns. Either all points must have a step, or none. There must be at least one point.

    A column is left out if all points have the same value.
    """
    keys, values, timestamps, steps, *_ = zip(*points, strict=True)
    flags = [int_flags(value) if type(value) is int else 0 for value in values]
    return PointColumns(
        keys if len(set(keys)) > 1 else keys[:1],
        struct.pack(f"<{len(values)}d", *values),
        timestamps[0] if len(set(timestamps)) == 1 else struct.pack(f"<{len(points)}q", *timestamps),
        steps[0] if len(set(steps)) == 1 else struct.pack(f"<{len(points)}q", *steps),
        flags[0] if len(set(flags)) == 1 else bytes(flags),
    )


def columns_with(steps: st.SearchStrategy[int | None]) -> st.SearchStrategy[list[Point]]:
    """Return a strategy for lists of points that `column_points` accepts, with very few different values."""
    return st.lists(st.builds(scalar, tied_keys, tied_numbers, tied_timestamps, steps), min_size=1, max_size=8)


tied_columns = st.one_of(columns_with(st.none()), columns_with(st.sampled_from((0, 1))))
"""Lists of points that `column_points` accepts. They have the same keys as `tied_points`."""
