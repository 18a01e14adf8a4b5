"""The points of a memory store. Each point is a Python object, and points are processed one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, cast

from bridge.errors import InvalidState
from bridge.records.limits import INT64_MIN
from bridge.records.series import Definition, Latest, Point, SeriesRecord, comparable
from bridge.store.slices import Slice


class MemoryPoint(NamedTuple):
    """A point as a caller logs it. If `step` is None, `MemoryMetric.place` assigns a step."""

    value: float | str | bool | None
    timestamp: int
    step: int | None
    is_int: bool
    api: int
    joined: bool = False


class PlacedPoint(NamedTuple):
    """A point with its position and its step."""

    position: int
    step: int
    point: MemoryPoint


@dataclass(slots=True)
class MemoryMetric:
    """The counters of one key: its number of points, and its number of points that were logged without a step.

    All series of the key share them. A row counts as one point.
    """

    points: int = 0
    stepless: int = 0
    last: PlacedPoint | None = None

    def place(self, point: MemoryPoint) -> PlacedPoint:
        """Give a point the next position, and a step if it has none. All cells of a row get the same two values."""
        if point.joined and self.last is not None:
            return PlacedPoint(self.last.position, self.last.step, point)
        step = self.stepless if point.step is None else point.step
        placed = PlacedPoint(self.points, step, point)
        self.points += 1
        self.stepless += point.step is None
        self.last = placed
        return placed


@dataclass(slots=True)
class MemorySeries:
    """The points of one series in log order."""

    points: list[PlacedPoint] = field(default_factory=list)

    def add(self, placed: PlacedPoint) -> None:
        self.points.append(placed)

    def latest(self) -> Latest:
        """Return the greatest point by (step, timestamp, value).

        As in MLflow, NaN is compared as 0, and ±inf as ±1.797e308.
        If several points are the greatest, return the first of them.
        """
        best = self.points[0]
        for placed in self.points[1:]:
            if _rank(placed) > _rank(best):
                best = placed
        return Latest(cast(float, best.point.value), best.point.timestamp, best.step)

    def latest_text(self) -> str | bool | None:
        """Return the value of the greatest point by (step, timestamp).

        If several points are the greatest, return the value of the last of them.
        """
        best = max(self.points, key=lambda placed: (placed.step, placed.point.timestamp, placed.position))
        return cast("str | bool | None", best.point.value)

    def record(self, definition: Definition) -> SeriesRecord:
        """Return the points as a record, the form in which a store returns a series."""
        import numpy

        is_text = definition.value_type == "text"
        values = [placed.point.value for placed in self.points]
        return SeriesRecord(
            key=definition.key,
            column=definition.column,
            kind=definition.kind,
            value_type=definition.value_type,
            all_ints=not is_text and all(placed.point.is_int for placed in self.points),
            positions=numpy.array([placed.position for placed in self.points], dtype=numpy.int64),
            steps=numpy.array([placed.step for placed in self.points], dtype=numpy.int64),
            timestamps=numpy.array([placed.point.timestamp for placed in self.points], dtype=numpy.int64),
            apis=numpy.array([placed.point.api for placed in self.points], dtype=numpy.uint8),
            numbers=None if is_text else numpy.array(values, dtype=numpy.float64),
            texts=cast("list[str | bool | None]", values) if is_text else None,
        )


def fresh_slices(slices: Sequence[Slice], receipts: Mapping[str, int]) -> tuple[list[Slice], dict[str, int]]:
    """Return the slices (parts of journals) that are not stored yet, and the new receipts.

    A receipt is the byte offset up to which a journal is stored. The receipts are returned by journal id.
    """
    ends = dict(receipts)
    fresh = []
    for piece in slices:
        end = ends.get(piece.journal_id, 0)
        if piece.end <= end:
            continue
        if piece.start != end:
            raise InvalidState(
                "journal", piece.journal_id, f"stored up to byte {end}", f"stored up to byte {piece.start}"
            )
        fresh.append(piece)
        ends[piece.journal_id] = piece.end
    return fresh, ends


def in_log_order(slices: Sequence[Slice]) -> Iterator[tuple[Definition, MemoryPoint]]:
    """Return the points of all slices by time. The points of a slice stay in order, even if the clock went back."""
    points = []
    for piece in slices:
        latest = INT64_MIN
        for at in range(len(piece.series)):
            latest = max(latest, int(piece.times[at]))
            definition = piece.definitions[int(piece.series[at])]
            number = piece.values[at].item()
            point = MemoryPoint(
                number if definition.value_type == "number" else piece.texts[int(number)],
                int(piece.timestamps[at]),
                int(piece.steps[at]) if piece.has_step[at] else None,
                bool(piece.ints[at]),
                int(piece.apis[at]),
                bool(piece.joined[at]),
            )
            points.append((latest, definition, point))
    points.sort(key=lambda entry: entry[0])
    return ((definition, point) for _, definition, point in points)


def stored_point(point: Point, api: int) -> MemoryPoint:
    """Convert a checked point of a caller to the form in which it is stored."""
    value = point.value
    if isinstance(value, int) and not isinstance(value, bool):
        return MemoryPoint(float(value), point.timestamp, point.step, True, api, point.joined)
    return MemoryPoint(value, point.timestamp, point.step, False, api, point.joined)


def _rank(placed: PlacedPoint) -> tuple[int, int, float]:
    return placed.step, placed.point.timestamp, comparable(cast(float, placed.point.value))
