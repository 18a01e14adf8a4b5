"""Convert a logged list, row, table or description to points."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bridge.errors import InvalidValue
from bridge.records.point_columns import Column, PointColumns
from bridge.records.series import COLUMN, DESCRIPTION, Point, Value, check_key, check_text
from bridge.runs.number_arrays import INTEGER_RULE, columns_of, integer_column, is_array, is_number_array
from bridge.store.points import PLAIN, check_value

if TYPE_CHECKING:
    from bridge.runs.number_arrays import Array

SEVERAL_RULE = "must be one value: use run.log_list for several values, run.log_row or run.log_table for columns"
LIST_RULE = "must be a list of values, an array of one dimension, or another iterable"
TABLE_RULE = "must be a dict from the names of columns to single values, or to lists of equal length"


def description_points(key: str, description: str | None, timestamp: int) -> list[Point]:
    """Return a list with the point that stores a description, or an empty list for None and "".

    Raises:
        InvalidValue: the description is not text.
    """
    if description is None or description == "":
        return []
    if not isinstance(description, str):
        raise InvalidValue("description", description, "must be text")
    # The default step of a point is the number of earlier points without a step. A description must not change it, so
    # this point has a step.
    return [Point(key, check_text(description), timestamp, 0, DESCRIPTION)]


def refused_scalar(value: object, error: InvalidValue) -> InvalidValue:
    """Return the error that `run.log` raises for a refused value.

    If the value has several elements, the error names the methods that log several elements.
    """
    several = callable(value) or (isinstance(value, Iterable) and not isinstance(value, (str, bytes)))
    if several and len(error.problems) == 1 and error.value is value:
        return InvalidValue(error.key, value, SEVERAL_RULE)
    return error


def list_points(key: object, values: object, timestamp: int) -> Sequence[Point]:
    """Return the points of a list: one for each element, in order. They are columns if all elements are numbers.

    Raises:
        InvalidValue: the key is not valid, the value cannot be iterated over, or an element is not a single value.
    """
    checked_key = check_key(key)
    numbers = _numbers(f"value of {key!r}", values)
    return columns_of(checked_key, numbers, timestamp) or [
        Point(checked_key, value, timestamp) for value in _checked(list(numbers), f"value of {key!r}")
    ]


def series_points(key: object, values: object, steps: object, timestamps: object, now: int) -> Sequence[Point]:
    """Return the points of a series: one for each value, in order. They are columns if all values are numbers.

    Args:
        key: the metric's name.
        values: the values.
        steps: the step of each point, or None.
        timestamps: the timestamp of each point, or None if all have the timestamp `now`.
        now: the time now, in milliseconds since 1970 UTC.

    Raises:
        InvalidValue: the key is not valid, an argument cannot be iterated over, the numbers of elements differ, a value
            is not a single value, or a step or timestamp is not an integer of 64 bits.
    """
    checked_key = check_key(key)
    numbers = _numbers(f"value of {key!r}", values)
    step_column = None if steps is None else _column(f"steps of {key!r}", steps, len(numbers))
    time_column = None if timestamps is None else _column(f"timestamps of {key!r}", timestamps, len(numbers))
    columns = columns_of(checked_key, numbers, now if time_column is None else time_column, step_column)
    if columns is not None:
        return columns
    checked = _checked(list(numbers), f"value of {key!r}")
    # The columns of steps and timestamps are read through columns of points, whose values are all 0.
    frame = PointColumns(
        (checked_key,), bytes(8 * len(checked)), now if time_column is None else time_column, step_column
    )
    return [point._replace(value=value) for point, value in zip(frame, checked, strict=True)]


def _numbers(what: str, values: object) -> Array | list[Any]:
    """Return an array of numbers unchanged, and the elements of all other lists, arrays and iterables as a list."""
    if is_number_array(values):
        return values
    elements = _elements(values)
    if elements is None:
        raise InvalidValue(what, values, LIST_RULE)
    return elements


def _column(what: str, values: object, count: int) -> Column:
    """Return integers as a column of `count` elements."""
    elements = values if is_array(values) else _elements(values)
    if elements is None:
        raise InvalidValue(what, values, INTEGER_RULE)
    if len(elements) != count:
        raise InvalidValue(what, values, f"must have one element for each of the {count} values, not {len(elements)}")
    return integer_column(what, elements)


def row_points(key: object, row: Mapping[Any, object], timestamp: int) -> list[Point]:
    """Return the points of one row, one for each column.

    Raises:
        InvalidValue: the key or a column's name is not valid, or a cell is not a single value.
    """
    if not all(type(value) is float or type(value) is int for value in row.values()):
        return table_points(key, {column: [value] for column, value in row.items()}, timestamp)
    checked_key = check_key(key)
    # Most rows contain only plain numbers. They are not checked here, because the store checks names and ranges.
    return [
        Point(checked_key, value, timestamp, None, COLUMN, column, number > 0)  # type: ignore[arg-type]  # a number
        for number, (column, value) in enumerate(row.items())
    ]


def table_points(key: object, table: object, timestamp: int) -> list[Point]:
    """Return the points of a table, row by row.

    Args:
        key: the metric's name.
        table: a mapping from columns to lists of one length, or to values for a single row; or a data frame.
        timestamp: the time of all rows, in milliseconds since 1970 UTC.

    Raises:
        InvalidValue: the table is neither a mapping nor a data frame, the lengths of the lists differ, values and lists
            are mixed, or a cell is not a single value.
    """
    checked_key = check_key(key)
    columns = _columns(key, table)
    rows = zip(*columns.values(), strict=True)
    return [
        Point(checked_key, value, timestamp, None, COLUMN, column, number > 0)
        for row in rows
        for number, (column, value) in enumerate(zip(columns, row, strict=True))
    ]


def _columns(key: object, table: object) -> dict[str, list[Value]]:
    """Check the columns of a table, and return them. All have the same length."""
    found: dict[str, list[Value]] = {}
    single = 0
    for column, value in _by_column(key, table).items():
        check_key(column, f"column of {key!r}")
        elements = _elements(value)
        single += elements is None
        found[column] = _checked([value] if elements is None else elements, f"column {column!r} of {key!r}")
    if 0 < single < len(found):
        raise InvalidValue(f"value of {key!r}", table, TABLE_RULE)
    lengths = {column: len(values) for column, values in found.items()}
    if len(set(lengths.values())) > 1:
        raise InvalidValue(f"lengths of the columns of {key!r}", lengths, "must be equal")
    return found


def _by_column(key: object, table: object) -> Mapping[Any, object]:
    if isinstance(table, Mapping):
        return table
    if not _is_frame(table):
        raise InvalidValue(f"value of {key!r}", table, TABLE_RULE)
    frame: Any = table
    columns = list(frame.columns)
    if len(set(columns)) < len(columns):
        raise InvalidValue(f"columns of {key!r}", columns, "must have different names")
    return {column: list(frame[column]) for column in columns}


def _is_frame(value: object) -> bool:
    """Return whether a value is a data frame of pandas or polars."""
    return hasattr(value, "columns") and hasattr(value, "to_dict")


def _elements(value: object) -> list[Any] | None:
    """Return the elements of a list, a one-dimensional array or another iterable; None for any other value."""
    if isinstance(value, (str, bytes, bytearray, Mapping)) or not isinstance(value, Iterable):
        return None
    if getattr(value, "ndim", 1) != 1 or _is_frame(value):
        return None
    to_list = getattr(value, "tolist", None)  # numpy, torch and pandas convert all elements in one call, much faster
    elements = to_list() if callable(to_list) else value
    return elements if isinstance(elements, list) else list(elements)


def _checked(elements: list[Any], what: str) -> list[Value]:
    """Return the elements as plain values. The error contains the index of the first element that is not valid."""
    checked: list[Value] = []
    for number, element in enumerate(elements):
        if type(element) in PLAIN and type(element) is not int and type(element) is not str:
            checked.append(element)
            continue
        try:
            checked.append(check_value(element))
        except InvalidValue as error:
            raise InvalidValue(f"{what}, element {number},", element, error.rule) from None
    return checked
