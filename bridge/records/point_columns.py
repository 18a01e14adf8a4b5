"""Many number points as columns of bytes, so that logging them needs no object for each point."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import Any, TypeAlias, overload

from bridge.records.limits import EXACT_INTEGER
from bridge.records.series import Point

Column: TypeAlias = "bytes | memoryview"

IS_INT, IMPRECISE = 2, 4
"""Bits of the flags of a number. They are stored in journals and must not change.

`IS_INT`: the value was an int. `IMPRECISE`: the int may not be stored exactly, because it is beyond ±2**53.
"""


def int_flags(value: int) -> int:
    """Return the flags of a number that was an int."""
    return IS_INT if -EXACT_INTEGER <= value <= EXACT_INTEGER else IS_INT | IMPRECISE


class PointColumns(Sequence[Point]):
    """Scalar numbers of one run, as columns. As a sequence, it has a `Point` for each number.

    All columns are little-endian. They may share memory with arrays, which the caller must not change until they
    are written.

    Args:
        keys: the key of each point, or only one key if it is the key of all points.
        values: the values, as float64.
        timestamps: the timestamps as int64, or the timestamp of all points.
        steps: the steps as int64, or the step of all points; None if the points have no steps.
        flags: one byte for each point, or the flags of all points: `IS_INT` and `IMPRECISE`.
    """

    __slots__ = ("flags", "keys", "steps", "timestamps", "values")

    def __init__(
        self,
        keys: tuple[str, ...],
        values: Column,
        timestamps: int | Column,
        steps: int | Column | None = None,
        flags: int | Column = 0,
    ) -> None:
        self.keys, self.values = keys, values
        self.timestamps, self.steps, self.flags = timestamps, steps, flags

    def __len__(self) -> int:
        return len(self.values) >> 3

    @overload
    def __getitem__(self, index: int) -> Point: ...

    @overload
    def __getitem__(self, index: slice) -> list[Point]: ...

    def __getitem__(self, index: int | slice) -> Point | list[Point]:
        if isinstance(index, slice):
            return list(self)[index]
        at = range(len(self))[index]
        (point,) = self._between(at, at + 1)
        return point

    def __iter__(self) -> Iterator[Point]:
        count = len(self)
        keys = self.keys if len(self.keys) > 1 else repeat(self.keys[0], count)
        flags = repeat(self.flags, count) if isinstance(self.flags, int) else self.flags
        values = map(_number, struct.unpack(f"<{count}d", self.values), flags)
        return map(Point, keys, values, _each(self.timestamps, count), _each(self.steps, count))

    @property
    def point_bytes(self) -> int:
        """The number of bytes that the columns have for each point, with 4 bytes for a key."""
        wide = 1 + (not isinstance(self.timestamps, int)) + (self.steps is not None and not isinstance(self.steps, int))
        return 8 * wide + 4 * (len(self.keys) > 1) + (not isinstance(self.flags, int))

    def parts(self, most: int) -> Iterator[PointColumns]:
        """Yield the points in parts, each with at most this number of points. They share the memory of the columns.

        If all points fit into one part, it is this object.
        """
        count = len(self)
        if count <= most:
            yield self
            return
        for start in range(0, count, most):
            yield self._between(start, start + most)

    def copy(self) -> PointColumns:
        """Return a copy that shares no memory with arrays."""
        columns = map(_copy, (self.values, self.timestamps, self.steps, self.flags))
        return PointColumns(self.keys, *columns)

    def _between(self, start: int, end: int) -> PointColumns:
        keys = self.keys[start:end] if len(self.keys) > 1 else self.keys
        values = memoryview(self.values)[8 * start : 8 * end]
        timestamps, steps = (_part(column, 8 * start, 8 * end) for column in (self.timestamps, self.steps))
        return PointColumns(keys, values, timestamps, steps, _part(self.flags, start, end))


def _part(column: Any, start: int, end: int) -> Any:
    """Return some bytes of a column, or the value that all points share."""
    return memoryview(column)[start:end] if isinstance(column, (bytes, memoryview)) else column


def _copy(column: Any) -> Any:
    return bytes(column) if isinstance(column, memoryview) else column


def _each(column: Any, count: int) -> Iterable[Any]:
    """Return the integers of a column, or the value that all points share."""
    return struct.unpack(f"<{count}q", column) if isinstance(column, (bytes, memoryview)) else repeat(column, count)


def _number(value: float, flags: int) -> float | int:
    """Return a logged value: an int if it has the flag `IS_INT`.

    An int beyond ±2**53 may have become ±2**53 as a float64. Such an int is returned as ±(2**53 + 1), so that it is
    still beyond ±2**53, and is stored as the same float64.
    """
    if not flags & IS_INT:
        return value
    number = int(value)
    if flags & IMPRECISE and abs(number) == EXACT_INTEGER:
        return number + (1 if number > 0 else -1)
    return number
