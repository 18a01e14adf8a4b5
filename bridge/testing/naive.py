"""The rules of positions, steps, series and latest values, applied to one point at a time.

Tests compare the vectorised code of the stores with these simple functions.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bridge.records.series import BIG, COLUMN, MLFLOW, SCALAR, Latest, Point, SeriesRecord, Value
from bridge.testing.strategies import bits_of


class LoggedPoint(NamedTuple):
    """A logged point of one key.

    `step` is the step that the caller passed. If `stepless` is true, the caller passed no step, and the store
    assigns one.
    """

    value: Value
    timestamp: int
    step: int
    stepless: bool
    api: int
    kind: int = SCALAR
    column: str = ""
    position: int = 0


def log_naively(points: dict[str, list[LoggedPoint]], logged: Iterable[Point], api: int) -> None:
    """Add logged points to `points`, which has the earlier points of a run by key."""
    for key, value, timestamp, given, kind, column, joined in logged:
        own = points.setdefault(key, [])
        if joined:
            own.append(own[-1]._replace(value=value, column=column))
            continue
        stepless_of = {point.position: point.stepless for point in own}
        step = sum(stepless_of.values()) if given is None else given
        own.append(LoggedPoint(value, timestamp, step, given is None, api, kind, column, len(stepless_of)))


def scalars(points: Iterable[LoggedPoint]) -> list[LoggedPoint]:
    """Return the scalar points. Cells of a row, descriptions and names of files are not scalar points."""
    return [point for point in points if point.kind == SCALAR]


def by_column(points: Iterable[LoggedPoint]) -> dict[str, list[LoggedPoint]]:
    """Return the cells of all rows, by column."""
    found: dict[str, list[LoggedPoint]] = {}
    for point in points:
        if point.kind == COLUMN:
            found.setdefault(point.column, []).append(point)
    return found


def check_series(records: Sequence[SeriesRecord], points: Sequence[LoggedPoint]) -> None:
    """Assert that the series of one key have the points that were logged under it.

    The series must be in the order in which they were first logged.
    """
    expected: dict[tuple[int, str, str], list[LoggedPoint]] = {}
    for point in points:
        name = point.kind, point.column, "number" if is_number(point.value) else "text"
        expected.setdefault(name, []).append(point)
    assert [(record.kind, record.column, record.value_type) for record in records] == list(expected)
    found = sorted({position for record in records for position in record.positions.tolist()})
    rank = {position: at for at, position in enumerate(found)}
    for record, own in zip(records, expected.values(), strict=True):
        assert [rank[position] for position in record.positions.tolist()] == [point.position for point in own]
        assert record.steps.tolist() == [point.step for point in own]
        assert record.timestamps.tolist() == [point.timestamp for point in own]
        assert record.apis.tolist() == [point.api for point in own]
        if record.numbers is None:
            assert same_bits(record.texts or [], [point.value for point in own])
            assert not record.all_ints
        else:
            assert same_bits(record.numbers.tolist(), [float(point.value) for point in own])  # type: ignore[arg-type]
            assert record.all_ints == all(isinstance(point.value, int) for point in own)


def is_number(value: Value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def shown(value: float) -> float:
    """Return a number as MLflow returns it: ±1.797e308 for ±inf, 0.0 for -0.0, and NaN for NaN."""
    number = float(value)
    if math.isnan(number):
        return math.nan
    return min(max(number, -BIG), BIG) if number else 0.0


def native_of(points: Sequence[LoggedPoint]) -> list[LoggedPoint]:
    """Return the points of one key as the native API returns them, in log order."""
    floats = any(isinstance(point.value, float) for point in points)
    seen: set[tuple[int, int, str]] = set()
    kept = []
    for point in points:
        if not is_number(point.value):
            kept.append(point)
            continue
        number = float(point.value)  # type: ignore[arg-type]  # it is a number
        name = point.step, point.timestamp, repr(shown(number))
        if point.api != MLFLOW or name not in seen:
            kept.append(point._replace(value=number if floats else int(number)))
        seen.add(name)
    return kept


def history_of(points: Sequence[LoggedPoint]) -> list[tuple[int, int, float]]:
    """Return the numbers of one key as MLflow lists them, as tuples (timestamp, step, value)."""
    rows = {}
    for point in points:
        if is_number(point.value):
            value = shown(point.value)  # type: ignore[arg-type]  # it is a number
            nan = math.isnan(value)
            rows[point.timestamp, point.step, 0.0 if nan else value, nan] = point.timestamp, point.step, value
    return [rows[name] for name in sorted(rows)]


def latest_of(points: Sequence[LoggedPoint]) -> Latest | None:
    """Return the latest number of one key, or None."""
    best: Latest | None = None
    rank: tuple[int, int, float] | None = None
    for point in points:
        if is_number(point.value):
            number = float(point.value)  # type: ignore[arg-type]  # it is a number
            compared = 0.0 if math.isnan(number) else shown(number)
            if rank is None or (point.step, point.timestamp, compared) > rank:
                rank = point.step, point.timestamp, compared
                best = Latest(number, point.timestamp, point.step)
    return best


def latest_text_of(points: Sequence[LoggedPoint]) -> tuple[Value] | None:
    """Return the latest text of one key, or None if the key has no text.

    The text is returned as a tuple of one item, because the value of a text point can itself be None.
    """
    best: LoggedPoint | None = None
    for point in points:
        if not is_number(point.value) and (
            best is None or (point.step, point.timestamp) >= (best.step, best.timestamp)
        ):
            best = point
    return None if best is None else (best.value,)


def same_bits(found: Sequence[Value], expected: Sequence[Value]) -> bool:
    """Return whether two lists have equal values of equal types. Floats are compared bit by bit."""
    return [_spelled(value) for value in found] == [_spelled(value) for value in expected]


def _spelled(value: Value) -> tuple[str, object]:
    return type(value).__name__, bits_of(value) if isinstance(value, float) else value
