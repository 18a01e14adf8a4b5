"""Points, and the series that they form: everything that a run logs by name."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from bridge.errors import InvalidValue
from bridge.records.limits import INT64_MAX, INT64_MIN, KEY_LENGTH, TEXT_VALUE_LENGTH
from bridge.records.text import check_encodable

if TYPE_CHECKING:
    import numpy

Value: TypeAlias = "float | int | str | bool | None"
ValueType = Literal["number", "text"]

SCALAR, COLUMN, IMAGE, CONFUSION_MATRIX, ACCURACY_TABLE, RESIDUALS, PREDICTIONS, DESCRIPTION = range(8)
"""The kinds of series; the numbers are part of the journal's format and of the database.

The values of an image and of the four JSON kinds are artifact paths; a description is text about its key.
"""

NATIVE, MLFLOW = 0, 1
"""The APIs that can log a point; the numbers are part of the journal's format and of the database."""

UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters, and halves of characters, which UTF-8 cannot encode."""

BIG = 1.7976931348623157e308
"""The number that MLflow compares and shows instead of infinity."""


class Point(NamedTuple):
    """A logged value under a key.

    `timestamp` is milliseconds since 1970 UTC.
    `step` None means that the point gets the number of earlier points of its key that were logged without a step.
    `column` is the column of a cell, whose kind is `COLUMN`; otherwise it is empty.
    `joined` is True if a cell belongs to the same row as the point before it. The cells of a row share its position and
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
    """The identity of a series; `column` is empty unless the series is a column of a table."""

    run_id: str
    key: str
    column: str
    kind: int
    value_type: ValueType


def definition_of(run_id: str, point: Point) -> Definition:
    """Return the series that a point of a run belongs to; the point was checked."""
    is_number = type(point.value) is float or type(point.value) is int
    return Definition(run_id, point.key, point.column, point.kind, "number" if is_number else "text")


class Latest(NamedTuple):
    """The latest point of a number series: the greatest by (step, timestamp, value) as MLflow compares.

    NaN counts as 0 and ±inf as ±1.797e308. Of equal points the first logged stays.
    """

    value: float
    timestamp: int
    step: int


def later(new: Latest, old: Latest | None) -> bool:
    """Return whether a point replaces the latest one: only if it is greater."""
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

    `all_ints` is True if all values were logged as ints.
    `positions`, `steps` and `timestamps` (milliseconds since 1970 UTC) are int64 arrays. `apis` is a uint8 array with
    the API that logged each point (`NATIVE` or `MLFLOW`).
    `numbers` are the float64 values with their exact bits; None for a text series.
    `texts` are the text values; None for a number series.
    A position is the number of a point in the log order of its key, over all kinds and value types. Positions may have
    gaps, and say nothing about the order of points of different keys.
    A point that MLflow's API logged twice is here twice: `bridge.store.points` drops the second on read.
    """

    key: str
    column: str
    kind: int
    value_type: ValueType
    all_ints: bool
    positions: numpy.ndarray[Any, Any]
    steps: numpy.ndarray[Any, Any]
    timestamps: numpy.ndarray[Any, Any]
    apis: numpy.ndarray[Any, Any]
    numbers: numpy.ndarray[Any, Any] | None
    texts: list[str | bool | None] | None


def check_key(key: object, what: str = "metric name") -> str:
    """Return the key of a series, param, tag or property, by the rule of the native API.

    Raises:
        InvalidValue: it is not a text of 1 to 255 characters, or has control characters.
    """
    if not isinstance(key, str) or not 0 < len(key) <= KEY_LENGTH or UNPRINTABLE.search(key):
        raise InvalidValue(what, key, f"must be text of 1 to {KEY_LENGTH} characters without control characters")
    return key


def imprecise_warning(key: str) -> str:
    """Return the warning of a run that has logged an int beyond ±2**53."""
    return f"Metric {key!r} has integers beyond ±2**53: they are kept as the nearest float64."


def check_text(value: str) -> str:
    """Return a text that is logged as a value.

    Raises:
        InvalidValue: it is too long, or UTF-8 cannot encode it.
    """
    if len(value) > TEXT_VALUE_LENGTH:
        raise InvalidValue("value", value, f"must have at most {TEXT_VALUE_LENGTH} characters; store it as a file")
    return check_encodable("value", value)


def check_int64(what: str, value: object) -> int:
    """Return a signed 64-bit integer; an integer of numpy becomes an int.

    Raises:
        InvalidValue: the value is no integer, or beyond 64 bits.
    """
    try:
        number = value.__index__()  # type: ignore[attr-defined]
    except AttributeError:
        raise InvalidValue(what, value, "must be an integer") from None
    if isinstance(value, bool) or not INT64_MIN <= number <= INT64_MAX:
        raise InvalidValue(what, value, "must be an integer of 64 bits")
    return int(number)


def comparable(value: float) -> float:
    """Return the value as MLflow compares it: NaN as 0, ±inf as ±1.797e308.

    Source: MLflow 3.17.2, `SqlAlchemyStore._log_metrics`.
    """
    if math.isnan(value):
        return 0.0
    return max(-BIG, min(BIG, value))
