"""Points, and the series that they form: everything that a run logs by name."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from bridge.errors import InvalidValue
from bridge.records.limits import INT64_MAX, INT64_MIN, KEY_LENGTH, TEXT_VALUE_LENGTH
from bridge.records.text import check_spellable

if TYPE_CHECKING:
    import numpy

Value: TypeAlias = "float | int | str | bool | None"
ValueType = Literal["number", "text"]

SCALAR, COLUMN, IMAGE, CONFUSION_MATRIX, ACCURACY_TABLE, RESIDUALS, PREDICTIONS, DESCRIPTION = range(8)
"""The kinds of series; the numbers are part of the journal's format and of the database.

The values of an image and of the four JSON kinds are artifact paths; a description is text about its key.
"""

NATIVE, MLFLOW = 0, 1
"""The doors through which a point can come; the numbers are part of the journal's format and of the database."""

UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters, and halves of characters that UTF-8 cannot spell."""

BIG = 1.7976931348623157e308
"""What MLflow compares and shows in place of infinity."""


class Point(NamedTuple):
    """What is logged: a value under a key.

    `timestamp` is milliseconds since 1970 UTC.
    `step` None means that the point gets the number of step-less points that its key had before.
    `column` is empty but for a cell of a row, whose kind is `COLUMN`.
    `joined` says that a cell belongs to the row of the point before it: the cells of a row share its position and
    step, and become durable together.
    """

    key: str
    value: Value
    timestamp: int
    step: int | None = None
    kind: int = SCALAR
    column: str = ""
    joined: bool = False


class Definition(NamedTuple):
    """Which series a point belongs to: `column` is empty but for a table's columns; `kind` is that of the point."""

    run_id: str
    key: str
    column: str
    kind: int
    value_type: ValueType


def definition_of(run_id: str, point: Point) -> Definition:
    """The series that a checked point of a run belongs to."""
    is_number = type(point.value) is float or type(point.value) is int
    return Definition(run_id, point.key, point.column, point.kind, "number" if is_number else "text")


class Latest(NamedTuple):
    """The latest point of a number series: the greatest by (step, timestamp, value) as MLflow compares.

    NaN counts as 0 and ±inf as ±1.797e308; of equals the first logged stays.
    """

    value: float
    timestamp: int
    step: int


def later(new: Latest, old: Latest | None) -> bool:
    """Whether a point takes the place of the latest one: only if it is greater."""
    if old is None:
        return True
    return (new.step, new.timestamp, comparable(new.value)) > (old.step, old.timestamp, comparable(old.value))


class Series(NamedTuple):
    """All points of one key of one run in log order, as numpy arrays of one length.

    `steps` and `timestamps` (milliseconds since 1970 UTC) are int64.
    `values` is int64 if all values were logged as ints (object if one is beyond int64), float64 if all are numbers,
    else object (text, bool, None, or mixed).
    """

    steps: numpy.ndarray[Any, Any]
    timestamps: numpy.ndarray[Any, Any]
    values: numpy.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class SeriesRecord:
    """One stored series: a key, kind, column and value type of a run, with its points in log order.

    `positions`, `steps` and `timestamps` are int64 arrays, `doors` uint8 (`NATIVE`, `MLFLOW`).
    `numbers` is the float64 values with their exact bits, None for text; `texts` the text values, None for numbers.
    A position is a point's place in the log order of its key over all kinds and value types; positions have no
    order across keys and may have gaps.
    A point that came through MLflow's door may stand here twice: `bridge.store.points` drops it on read.
    """

    key: str
    column: str
    kind: int
    value_type: ValueType
    all_ints: bool
    positions: numpy.ndarray[Any, Any]
    steps: numpy.ndarray[Any, Any]
    timestamps: numpy.ndarray[Any, Any]
    doors: numpy.ndarray[Any, Any]
    numbers: numpy.ndarray[Any, Any] | None
    texts: list[str | bool | None] | None


def check_key(key: object, what: str = "metric name") -> str:
    """The key, if it may name a series, param, tag or property natively.

    Raises:
        InvalidValue: it may not.
    """
    if not isinstance(key, str) or not 0 < len(key) <= KEY_LENGTH or UNPRINTABLE.search(key):
        raise InvalidValue(what, key, f"must be text of 1 to {KEY_LENGTH} characters without control characters")
    return key


def imprecise_warning(key: str) -> str:
    """The sentence that a run keeps when an int beyond ±2**53 was logged."""
    return f"Metric {key!r} has integers beyond ±2**53: they are kept as the nearest float64."


def check_text(value: str) -> str:
    """The text, if it may be a logged value.

    Raises:
        InvalidValue: it is too long, or UTF-8 cannot spell it.
    """
    if len(value) > TEXT_VALUE_LENGTH:
        raise InvalidValue("value", value, f"must have at most {TEXT_VALUE_LENGTH} characters; keep it as a file")
    return check_spellable("value", value)


def check_int64(what: str, value: object) -> int:
    """The integer, if 64 bits with a sign hold it; numpy integers become ints.

    Raises:
        InvalidValue: it is no integer, or too large.
    """
    try:
        number = value.__index__()  # type: ignore[attr-defined]
    except AttributeError:
        raise InvalidValue(what, value, "must be an integer") from None
    if isinstance(value, bool) or not INT64_MIN <= number <= INT64_MAX:
        raise InvalidValue(what, value, "must be an integer of 64 bits")
    return int(number)


def comparable(value: float) -> float:
    """The value as MLflow compares it: NaN as 0, ±inf as ±1.797e308.

    Source: MLflow 3.17.2, `SqlAlchemyStore._log_metrics`.
    """
    if math.isnan(value):
        return 0.0
    return max(-BIG, min(BIG, value))
