"""Checks the points of callers, and converts numbers that are logged together to columns."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

from bridge.errors import InvalidValue, Problem
from bridge.records.limits import EXACT_INTEGER, KEY_LENGTH, ROW_COLUMNS, ROW_TEXT_BYTES
from bridge.records.point_columns import IS_INT, Column, PointColumns
from bridge.records.series import (
    COLUMN,
    DESCRIPTION,
    SCALAR,
    UNPRINTABLE,
    Point,
    Value,
    check_int64,
    check_key,
    check_text,
)

RowPlace: TypeAlias = "tuple[str, int, int | None, int]"
"""The values that all cells of a row share: key, timestamp, step and kind."""

PLAIN = frozenset((float, int, str, bool, type(None)))
FLAGS: dict[type, int] = {float: 0, int: IS_INT}
COLUMN_TYPES = frozenset((int, bytes, memoryview))
VALUE_RULE = "must be a number, text, a bool or None"
RANGE_RULE = "must be between -1.797e308 and 1.797e308, because numbers are stored as float64"


def check_points(points: Iterable[Point]) -> Sequence[Point]:
    """Return the points with values of Python's own types, if all points are valid. Columns are returned as columns.

    Numbers of numpy, torch and similar libraries, and arrays of one element, are converted to Python's numbers.

    Raises:
        InvalidValue: a point is not valid. The error names every mistake in all points.
    """
    if type(points) is PointColumns:
        if not (has_valid_times(points) and _are_keys(points.keys)):
            check_points(list(points))
        return points
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
            and _is_key(column)
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


def has_valid_times(points: PointColumns) -> bool:
    """Return whether the timestamps and steps of columns are certainly valid."""
    timestamps, steps = points.timestamps, points.steps
    if type(timestamps) is int and not 0 <= timestamps < 1 << 62:
        return False
    if type(steps) is int and not -(1 << 62) < steps < 1 << 62:
        return False
    return type(timestamps) in COLUMN_TYPES and (steps is None or type(steps) in COLUMN_TYPES)


def metric_points(metrics: Mapping[str, Value], timestamp: int, step: int | None) -> Sequence[Point]:
    """Return the points of several metrics with the same timestamp and step, as columns if all values are numbers.

    The points are not checked, except that numbers of other libraries become numbers of Python.

    Raises:
        InvalidValue: `metrics` is not a mapping, or the step is not an integer.
    """
    if type(metrics) is not dict and not isinstance(metrics, Mapping):
        raise InvalidValue("metrics", metrics, "must be a dict of names and values")
    if step is not None and type(step) is not int:
        step = check_int64("step", step)
    keys, values = tuple(metrics), tuple(metrics.values())
    if list(map(type, values)).count(float) == len(keys):
        return PointColumns(keys, _packer(len(keys))(*values), timestamp, step)
    columns = number_columns(keys, values, timestamp, step)
    return columns or [Point(key, value, timestamp, step) for key, value in metrics.items()]


def number_columns(
    keys: tuple[str, ...], values: Iterable[object], timestamps: int | Column, steps: int | Column | None = None
) -> PointColumns | None:
    """Return points as columns; None if a value is not a number, or an int beyond ±2**53, or if there is no value.

    See `PointColumns` for the arguments. Numbers of numpy, torch and similar libraries become numbers of Python.
    """
    numbers = list(values)
    flags: int | bytes = 0
    if not _are_floats(numbers):
        try:
            numbers = _items(numbers) or [value if type(value) in PLAIN else _plain(value) for value in numbers]
        except InvalidValue:  # the caller checks the points again, and the error then names all mistakes
            return None
        if not _are_floats(numbers):
            if not _are_numbers(numbers):
                return None
            flags = bytes(map(FLAGS.__getitem__, map(type, numbers)))
            flags = flags if len(set(flags)) > 1 else flags[0]
    return PointColumns(keys, _packer(len(numbers))(*numbers), timestamps, steps, flags) if numbers else None


def check_value(value: object) -> Value:
    """Return a value as a float, int, text, bool or None of Python, if it can be logged.

    Raises:
        InvalidValue: the value cannot be logged.
    """
    plain = value if type(value) in PLAIN else _plain(value)
    if type(plain) is float:
        return plain
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


@lru_cache(maxsize=100)
def _packer(count: int) -> Callable[..., bytes]:
    """Return a function that packs numbers as float64. Using it again takes half the time of `struct.pack`."""
    return struct.Struct(f"<{count}d").pack


def _items(values: Sequence[Any]) -> list[Any] | None:
    """Convert scalars of numpy, torch and similar libraries together; None if this is not possible for all of them.

    This takes half the time of `_plain`, which must then convert each value.
    """
    try:
        items = [value.item() for value in values]
    except (AttributeError, TypeError, ValueError, RuntimeError):
        return None
    return items if PLAIN.issuperset(map(type, items)) else None


def _are_floats(values: Sequence[object]) -> bool:
    return list(map(type, values)).count(float) == len(values)


def _are_numbers(values: Sequence[Any]) -> bool:
    """Return whether all values are floats or ints, and no int is beyond ±2**53."""
    if not FLAGS.keys() >= set(map(type, values)):
        return False
    ints = [value for value in values if type(value) is int]
    return -EXACT_INTEGER <= min(ints, default=0) and max(ints, default=0) <= EXACT_INTEGER


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


def _are_keys(keys: Sequence[object]) -> bool:
    """Return whether all texts are valid keys. This is faster than checking each one."""
    if list(map(type, keys)).count(str) != len(keys):
        return False
    texts: Any = keys
    lengths = set(map(len, texts))
    return 0 not in lengths and max(lengths) <= KEY_LENGTH and not UNPRINTABLE.search("".join(texts))


@lru_cache(maxsize=4096)
def _is_key(key: str) -> bool:
    """Return whether a text is a valid key, or a valid name of a column."""
    try:
        check_key(key)
    except InvalidValue:
        return False
    return True


def _plain(value: object) -> object:
    """Convert a number of a library, an array of one element, or a subclass of a Python type to Python's own type.

    Raises:
        InvalidValue: the value has no such type.
    """
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
