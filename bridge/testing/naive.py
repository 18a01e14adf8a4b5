"""What readers must get of points, said one point at a time: the oracle of the vectorised code."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from bridge.records.series import BIG, MLFLOW, Latest, Value
from bridge.testing.strategies import bits_of


class LoggedPoint(NamedTuple):
    """A point of one key as it was logged, with the step that it has or got."""

    value: Value
    timestamp: int
    step: int
    stepless: bool
    door: int


def is_number(value: Value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def shown(value: float) -> float:
    """A number as MLflow shows it; NaN stays."""
    number = float(value)
    if math.isnan(number):
        return math.nan
    return min(max(number, -BIG), BIG) if number else 0.0


def native_of(points: Sequence[LoggedPoint]) -> list[LoggedPoint]:
    """The points of one key that a native reader gets, in log order, with their values as they come back."""
    floats = any(isinstance(point.value, float) for point in points)
    seen: set[tuple[int, int, str]] = set()
    kept = []
    for point in points:
        if not is_number(point.value):
            kept.append(point)
            continue
        number = float(point.value)  # type: ignore[arg-type]  # it is a number
        name = point.step, point.timestamp, repr(shown(number))
        if point.door != MLFLOW or name not in seen:
            kept.append(point._replace(value=number if floats else int(number)))
        seen.add(name)
    return kept


def history_of(points: Sequence[LoggedPoint]) -> list[tuple[int, int, float]]:
    """(timestamp, step, value) of one key's numbers as MLflow lists them."""
    rows = {}
    for point in points:
        if is_number(point.value):
            value = shown(point.value)  # type: ignore[arg-type]  # it is a number
            nan = math.isnan(value)
            rows[point.timestamp, point.step, 0.0 if nan else value, nan] = point.timestamp, point.step, value
    return [rows[name] for name in sorted(rows)]


def latest_of(points: Sequence[LoggedPoint]) -> Latest | None:
    """The latest number of one key, or None."""
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
    """The latest text of one key in a tuple, or None."""
    best: LoggedPoint | None = None
    for point in points:
        if not is_number(point.value) and (
            best is None or (point.step, point.timestamp) >= (best.step, best.timestamp)
        ):
            best = point
    return None if best is None else (best.value,)


def same_bits(found: Sequence[Value], expected: Sequence[Value]) -> bool:
    """Whether values are equal and of equal type, floats bit by bit."""
    return [_spelled(value) for value in found] == [_spelled(value) for value in expected]


def _spelled(value: Value) -> tuple[str, object]:
    return type(value).__name__, bits_of(value) if isinstance(value, float) else value
