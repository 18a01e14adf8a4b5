"""Checks the points of callers, and arranges points for native readers and for MLflow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from bridge.errors import InvalidValue, Problem
from bridge.records.limits import EXACT_INTEGER, ROW_COLUMNS, ROW_TEXT_BYTES
from bridge.records.series import (
    BIG,
    COLUMN,
    DESCRIPTION,
    MLFLOW,
    SCALAR,
    Point,
    Series,
    SeriesRecord,
    Value,
    check_int64,
    check_key,
    check_text,
)

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]

RowPlace: TypeAlias = "tuple[str, int, int | None, int]"
"""The values that all cells of a row share: key, timestamp, step and kind."""

PLAIN = frozenset((float, int, str, bool, type(None)))
VALUE_RULE = "must be a number, text, a bool or None"
RANGE_RULE = "must be between -1.797e308 and 1.797e308, because numbers are stored as float64"


def check_points(points: Iterable[Point]) -> list[Point]:
    """Return the points with values of Python's own types, if all points are valid.

    Numbers of numpy, torch and similar libraries, and arrays of one element, are converted to Python's numbers.

    Raises:
        InvalidValue: a point is not valid. The error names every mistake in all points.
    """
    checked: list[Point] = []
    problems: list[Problem] = []
    row: RowPlace | None = None  # the row of the point before; if `joined` is True, the point must belong to it
    columns: set[str] = set()  # the columns that this row has so far
    large = False  # whether a row contains texts, which may make it too large
    for point in points:
        key, value, timestamp, step, kind, column, joined = point
        # Most points are numbers in rows, after the first cell. They are accepted here without slow function calls.
        if (
            joined is True
            and row is not None
            and (type(value) is float or type(value) is int and -EXACT_INTEGER <= value <= EXACT_INTEGER)
            and (key, timestamp, step, kind) == row
            and type(column) is str
            and column not in columns
            and _is_column(column)
        ):
            checked.append(point)
            columns.add(column)
            continue
        checked.append(_check_point(point, problems))
        # A scalar point ends the row before it, and needs no more checks.
        if type(kind) is int and kind == SCALAR and column == "" and not joined:
            row = None
            continue
        _check_kind_and_row(point, row, columns, problems)
        if not joined:  # the first cell begins a row; its timestamp and step were converted by the check
            row = (key, checked[-1].timestamp, checked[-1].step, kind) if kind == COLUMN else None
            columns = set()
        if isinstance(column, str):
            columns.add(column)
        large = large or isinstance(value, str)
    # The sizes of rows are checked only if a row can be too large: with texts, or with more cells than a row may have.
    if not problems and (large or len(checked) > ROW_COLUMNS):
        _check_rows(checked, problems)
    if problems:
        raise InvalidValue(*problems[0], others=tuple(problems[1:]))
    return checked


def check_value(value: object) -> Value:
    """Return a value as a float, int, text, bool or None of Python, if it can be logged.

    Raises:
        InvalidValue: the value cannot be logged.
    """
    plain = value if type(value) in PLAIN else _plain(value)
    if isinstance(plain, str):
        return check_text(plain)
    if isinstance(plain, int):
        try:
            float(plain)
        except OverflowError:
            raise InvalidValue("value", plain, RANGE_RULE) from None
    return plain  # type: ignore[return-value]  # `_plain` returns only types of PLAIN


def imprecise(value: Value) -> bool:
    """Return whether a value is an int that a float64 may not represent exactly."""
    return type(value) is int and not -EXACT_INTEGER <= value <= EXACT_INTEGER


def native_series(records: Sequence[SeriesRecord]) -> Series:
    """Return the scalar points of one key for a native reader: numbers and texts, in log order.

    A point that was logged through MLflow's API is excluded if an earlier point has the same step, timestamp and value.
    The values that MLflow stores are compared: ±inf as ±1.797e308, and -0.0 as 0.0. NaN equals only NaN.
    The returned values have the bits that were logged. See `Series` for their type.
    """
    return in_log_order([record for record in records if record.kind == SCALAR])[1]


def in_log_order(records: Sequence[SeriesRecord]) -> tuple[Array, Series]:
    """Return the positions and the points of several series of one key, merged into one series.

    Repeated points of MLflow's API are excluded, as `native_series` describes.
    """
    import numpy

    values = _native_values(records)
    if len(records) == 1:  # one series is already in log order; this path is fast for runs with very many keys
        columns = (records[0].positions.copy(), records[0].steps.copy(), records[0].timestamps.copy(), values)
        if records[0].numbers is not None and (repeated := _repeated(records)).any():
            columns = (columns[0][~repeated], columns[1][~repeated], columns[2][~repeated], values[~repeated])
        return columns[0], Series(*columns[1:])
    positions, steps, timestamps = (
        numpy.concatenate([numpy.empty(0, numpy.int64), *(getattr(record, name) for record in records)])
        for name in ("positions", "steps", "timestamps")
    )
    kept = numpy.concatenate([numpy.empty(0, bool), *(_is_text(record) for record in records)])
    kept[~kept] = ~_repeated([record for record in records if record.numbers is not None])
    order = numpy.argsort(positions, kind="stable")
    order = order[kept[order]]
    return positions[order], Series(steps[order], timestamps[order], values[order])


def mlflow_history(records: Sequence[SeriesRecord]) -> Series:
    """Return the history of one metric for an MLflow reader: all points of its number series, without duplicates.

    The points are sorted by timestamp, step and value. In this order, NaN comes directly after 0.
    `values` is float64. ±inf is returned as ±1.797e308, -0.0 as 0.0, and NaN with any payload as `numpy.nan`.

    Source: MLflow 3.17.2, `SqlAlchemyStore.get_metric_history`.
    """
    import numpy

    columns = _mlflow_columns([record for record in records if record.numbers is not None])
    steps, timestamps, values, nan = columns
    order = numpy.lexsort((nan, values, steps, timestamps))
    order = order[~_like_previous(columns, order)]
    return Series(steps[order], timestamps[order], numpy.where(nan[order], numpy.nan, values[order]))


def _check_point(point: Point, problems: list[Problem]) -> Point:
    key, value, timestamp, step, kind, column, joined = point
    try:
        check_key(key)
    except InvalidValue as error:
        problems += error.problems
    try:
        value = check_value(value)
    except InvalidValue as error:
        problems += (Problem(f"value of {key!r}", p.value, p.rule) for p in error.problems)
    try:
        if type(timestamp) is not int or not 0 <= timestamp < 1 << 62:
            timestamp = check_int64(f"timestamp of {key!r}", timestamp)
    except InvalidValue as error:
        problems += error.problems
    try:
        if step is not None:
            step = check_int64(f"step of {key!r}", step)
    except InvalidValue as error:
        problems += error.problems
    return Point(key, value, timestamp, step, kind, column, joined)


def _check_kind_and_row(point: Point, row: RowPlace | None, columns: set[str], problems: list[Problem]) -> None:
    """Add the mistakes in the kind, the column and the row of a point to `problems`.

    Args:
        point: the point.
        row: the row of the point before, if that point is in a row.
        columns: the columns of this row.
        problems: the list of mistakes.
    """
    key, value, timestamp, step, kind, column, joined = point
    if type(kind) is not int or not SCALAR <= kind <= DESCRIPTION:
        rule = "must be a constant of bridge.records.series, for example SCALAR or COLUMN"
        problems.append(Problem(f"kind of {key!r}", kind, rule))
    elif kind == COLUMN:
        try:
            check_key(column, f"column of {key!r}")
        except InvalidValue as error:
            problems += error.problems
    elif column != "":
        problems.append(
            Problem(f"column of {key!r}", column, "must be empty, because the point is not a cell of a row")
        )
    elif kind != SCALAR and (not isinstance(value, str) or not value):
        what = "text" if kind == DESCRIPTION else "an artifact path"
        problems.append(Problem(f"value of {key!r}", value, f"must be {what}"))
    if not joined:
        return
    if row is None or (key, timestamp, step, kind) != row:
        rule = "must come directly after a cell with the same key, timestamp and step"
        problems.append(Problem(f"cell of {key!r}", column, rule))
    elif column in columns:
        problems.append(Problem(f"column of {key!r}", column, "must occur only once in a row"))


def _check_rows(points: Sequence[Point], problems: list[Problem]) -> None:
    """Add the rows that are too large for one journal record to `problems`."""
    cells = text_bytes = 0
    for point in points:
        if not point.joined:
            cells = text_bytes = 0
        if point.kind != COLUMN:
            continue
        cells += 1
        text_bytes += len(point.value.encode()) if isinstance(point.value, str) else 0
        if cells == ROW_COLUMNS + 1:
            problems.append(Problem(f"row of {point.key!r}", point.column, f"must have at most {ROW_COLUMNS} cells"))
        if text_bytes > ROW_TEXT_BYTES:
            rule = f"must have at most {ROW_TEXT_BYTES} bytes of text; store longer texts as a file"
            problems.append(Problem(f"row of {point.key!r}", point.column, rule))
            text_bytes = 0


@lru_cache(maxsize=4096)
def _is_column(column: str) -> bool:
    """Return whether a text is a valid name of a column."""
    try:
        check_key(column)
    except InvalidValue:
        return False
    return True


def _plain(value: object) -> object:
    """Convert a number of a library, an array of one element, or a subclass of a Python type to Python's own type."""
    item = getattr(value, "item", None)
    if callable(item):
        try:
            value = item()
        except (TypeError, ValueError, RuntimeError) as error:  # an array of numpy or torch with several elements
            raise InvalidValue("value", value, f"{VALUE_RULE}; an array must have exactly one element") from error
        if type(value) in PLAIN:
            return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if not hasattr(value, "__float__"):
        raise InvalidValue("value", value, VALUE_RULE)
    try:
        return float(value)
    except OverflowError as error:
        raise InvalidValue("value", value, RANGE_RULE) from error
    except (TypeError, ValueError) as error:
        raise InvalidValue("value", value, VALUE_RULE) from error


def _is_text(record: SeriesRecord) -> Array:
    import numpy

    return numpy.full(len(record.positions), record.numbers is None)


def _native_values(records: Sequence[SeriesRecord]) -> Array:
    """Return the concatenated values of series, in an array of a type that can contain all of them."""
    import numpy

    if all(record.numbers is not None for record in records):
        numbers = numpy.concatenate([numpy.empty(0), *_numbers(records)])
        return _as_ints(numbers) if records and all(record.all_ints for record in records) else numbers
    ints = all(record.all_ints for record in records if record.numbers is not None)
    values = numpy.empty(sum(len(record.positions) for record in records), dtype=object)
    at = 0
    for record in records:
        if record.numbers is None:
            assert record.texts is not None
            own = record.texts
        else:
            own = (_as_ints(record.numbers) if ints else record.numbers).tolist()
        values[at : at + len(own)] = own
        at += len(own)
    return values


def _as_ints(numbers: Array) -> Array:
    """Convert floats that were logged as ints to int64, or to Python's ints if one of them does not fit into int64."""
    import numpy

    if ((numbers >= -(2.0**63)) & (numbers < 2.0**63)).all():
        return numbers.astype(numpy.int64)
    values = numpy.empty(len(numbers), dtype=object)
    values[:] = [int(number) for number in numbers.tolist()]
    return values


def _numbers(records: Sequence[SeriesRecord]) -> list[Array]:
    return [record.numbers for record in records if record.numbers is not None]


def _mlflow_columns(records: Sequence[SeriesRecord]) -> tuple[Array, Array, Array, Array]:
    """Return the columns of number series in the form that MLflow stores: steps, timestamps, values, and `is_nan`.

    The value of NaN is 0, and `is_nan` is true for it.
    """
    import numpy

    numbers = numpy.concatenate([numpy.empty(0), *_numbers(records)])
    nan = numpy.isnan(numbers)
    # Adding 0.0 turns -0.0 into 0.0.
    values = numpy.where(nan, 0.0, numpy.clip(numbers, -BIG, BIG)) + 0.0
    steps, timestamps = (
        numpy.concatenate([numpy.empty(0, numpy.int64), *(getattr(record, name) for record in records)])
        for name in ("steps", "timestamps")
    )
    return steps, timestamps, values, nan


def _repeated(records: Sequence[SeriesRecord]) -> Array:
    """Return which points of number series were logged through MLflow's API and repeat an earlier point.

    A point repeats another point if MLflow stores the same step, timestamp and value for both.
    """
    import numpy

    apis = numpy.concatenate([numpy.empty(0, numpy.uint8), *(record.apis for record in records)])
    repeated: Array = apis == MLFLOW
    if not repeated.any():
        return repeated
    columns = _mlflow_columns(records)
    steps, timestamps, values, nan = columns
    positions = numpy.concatenate([record.positions for record in records])
    # After the sort, equal points are neighbours, and the first logged of them comes first. That point is not repeated,
    # even if it was logged through MLflow's API.
    order = numpy.lexsort((positions, nan, values, steps, timestamps))
    repeated[order] &= _like_previous(columns, order)
    return repeated


def _like_previous(columns: Sequence[Array], order: Array) -> Array:
    """Return which points have the same values in all columns as the point that precedes them in `order`."""
    import numpy

    same = numpy.zeros(len(order), dtype=bool)
    if len(order) > 1:
        sorted_columns = [column[order] for column in columns]
        same[1:] = numpy.logical_and.reduce([column[1:] == column[:-1] for column in sorted_columns])
    return same
