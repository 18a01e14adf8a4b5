"""Points and series: the values that a run logs under its keys."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from bridge.errors import InvalidValue
from bridge.records.limits import INT64_MAX, INT64_MIN, KEY_LENGTH, TEXT_VALUE_LENGTH
from bridge.records.text import check_encodable

if TYPE_CHECKING:
    import numpy

Value: TypeAlias = "float | int | str | bool | None"
ValueType = Literal["number", "text"]

SCALAR, COLUMN, IMAGE, CONFUSION_MATRIX, ACCURACY_TABLE, RESIDUALS, PREDICTIONS, DESCRIPTION = range(8)
"""The kinds of series. Their numbers are stored in journals and in the database, and must not change.

The values of an image or a chart are artifact paths. The four kinds of chart are confusion matrix, accuracy table,
residuals and predictions. The value of a description is a text that describes its key.
"""

NATIVE, MLFLOW = 0, 1
"""The APIs that can log a point. Their numbers are stored in journals and in the database, and must not change."""

UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""A pattern of the characters that a key must not contain: control characters, and surrogates (not UTF-8)."""

BIG = 1.7976931348623157e308
"""The number that MLflow uses instead of infinity: the greatest float64."""


class Point(NamedTuple):
    """A logged value under a key.

    `timestamp` is in milliseconds since 1970 UTC.
    If `step` is None, the store assigns a step. It is the number of earlier points of the key that were logged without
    a step.
    `kind` is `COLUMN` and `column` is not empty if the point is a cell of a table.
    `joined` is True if the point is a cell of the same row as the point before it. The cells of a row have the same
    position and step. Either all of them are stored or none.
    """

    key: str
    value: Value
    timestamp: int
    step: int | None = None
    kind: int = SCALAR
    column: str = ""
    joined: bool = False


class Definition(NamedTuple):
    """The identity of a series. `column` is empty unless the series is a column of a table."""

    run_id: str
    key: str
    column: str
    kind: int
    value_type: ValueType


def definition_of(run_id: str, point: Point) -> Definition:
    """Return the series that a point of a run belongs to. The point must be valid."""
    is_number = type(point.value) is float or type(point.value) is int
    return Definition(run_id, point.key, point.column, point.kind, "number" if is_number else "text")


class Latest(NamedTuple):
    """The latest point of a number series: the point with the greatest (step, timestamp, value).

    As in MLflow, a value NaN is compared as 0, and ±inf as ±1.797e308. If several points have the same
    step, timestamp and compared value, the first logged one is the latest.
    """

    value: float
    timestamp: int
    step: int


def later(new: Latest, old: Latest | None) -> bool:
    """Return whether a new point is greater than the latest point, and so replaces it."""
    if old is None:
        return True
    return (new.step, new.timestamp, comparable(new.value)) > (old.step, old.timestamp, comparable(old.value))


class Series(NamedTuple):
    """All points of one key of one run in log order, as numpy arrays of one length.

    `steps` and `timestamps` (milliseconds since 1970 UTC) are int64.
    `values` is int64 if all values were logged as ints, or object if an int does not fit into int64. It is float64 if
    all values are numbers and not all are ints. It is object if a value is text, a bool or None.
    """

    steps: numpy.ndarray[Any, Any]
    timestamps: numpy.ndarray[Any, Any]
    values: numpy.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class SeriesRecord:
    """One stored series of a run, with its points in log order.

    `all_ints` is True if all values were logged as ints.
    `positions`, `steps` and `timestamps` (milliseconds since 1970 UTC) are int64 arrays. `apis` is a uint8 array with
    the API that logged each point (`NATIVE` or `MLFLOW`).
    `numbers` are the float64 values with their exact bits; None for a text series.
    `texts` are the text values; None for a number series.
    A position is the number of a point in the log order of its key, counted over all kinds and value types. Positions
    may have gaps. Positions of points of different keys cannot be compared.
    `is_increasing` is True if each point is known to have a greater (timestamp, step) than the point before it.
    If MLflow's API logged the same point twice, this record contains it twice. `bridge.store.history` removes the
    second one from the results.
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
    is_increasing: bool = field(default=False, compare=False)


def check_key(key: object, what: str = "metric name") -> str:
    """Check the key of a series, param, tag or property by the rule of the native API, and return it.

    Raises:
        InvalidValue: the key is not a text of 1 to 255 characters, or contains control characters.
    """
    if not isinstance(key, str) or not 0 < len(key) <= KEY_LENGTH or UNPRINTABLE.search(key):
        raise InvalidValue(what, key, f"must be text of 1 to {KEY_LENGTH} characters without control characters")
    return key


def imprecise_warning(key: str) -> str:
    """Return the warning for a run that has logged an int beyond ±2**53."""
    return f"Metric {key!r} has integers beyond ±2**53: they are kept as the nearest float64."


def check_text(value: str) -> str:
    """Check a text that is logged as a value, and return it.

    Raises:
        InvalidValue: the text is too long, or UTF-8 cannot encode it.
    """
    if len(value) > TEXT_VALUE_LENGTH:
        raise InvalidValue("value", value, f"must have at most {TEXT_VALUE_LENGTH} characters; store it as a file")
    return check_encodable("value", value)


def check_int64(what: str, value: object) -> int:
    """Return a value as an int, if it is an integer of Python or numpy and fits into 64 bits.

    Raises:
        InvalidValue: the value is not an integer, or does not fit into 64 bits.
    """
    try:
        number = value.__index__()  # type: ignore[attr-defined]
    except AttributeError:
        raise InvalidValue(what, value, "must be an integer") from None
    if isinstance(value, bool) or not INT64_MIN <= number <= INT64_MAX:
        raise InvalidValue(what, value, "must be an integer of 64 bits")
    return int(number)


def comparable(value: float) -> float:
    """Return the number that MLflow compares instead of a value: 0 for NaN, and ±1.797e308 for ±inf.

    Source: MLflow 3.17.2, `SqlAlchemyStore._log_metrics`.
    """
    if math.isnan(value):
        return 0.0
    return max(-BIG, min(BIG, value))
