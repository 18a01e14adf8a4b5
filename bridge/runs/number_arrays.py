"""Converts arrays and lists of numbers to columns of points."""

from __future__ import annotations

import struct
import sys
from typing import TYPE_CHECKING, Any, TypeGuard

from bridge.errors import InvalidValue
from bridge.records.limits import EXACT_INTEGER, INT64_MAX
from bridge.records.point_columns import IMPRECISE, IS_INT, Column, PointColumns
from bridge.records.series import check_int64
from bridge.store.points import number_columns

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]

INTEGER_RULE = "must be a list or a one-dimensional array of integers"


def is_array(value: Any) -> TypeGuard[Array]:
    """Return whether a value is a one-dimensional array of numpy. Subclasses, such as masked arrays, do not count."""
    # Another thread may be importing numpy at this moment. Then the module does not have `ndarray` yet.
    return type(value) is getattr(sys.modules.get("numpy"), "ndarray", None) and value.ndim == 1


def is_number_array(value: Any) -> TypeGuard[Array]:
    """Return whether a value is a one-dimensional numpy array of integers or of floats of at most 64 bits."""
    return is_array(value) and value.dtype.kind in "iuf" and value.dtype.itemsize <= 8


def columns_of(
    key: str, values: Array | list[Any], timestamps: int | Column, steps: Column | None = None
) -> PointColumns | None:
    """Return the points of one key as columns. Return None if a value is not a number, or if there is no value.

    The columns may share the memory of the array.

    Args:
        key: the key, which must be valid.
        values: an array for which `is_number_array` is true, or a list.
        timestamps, steps: as for `PointColumns`.
    """
    if isinstance(values, list):
        return number_columns((key,), values, timestamps, steps)
    if not len(values):
        return None
    return PointColumns((key,), _memory(values, "<f8"), timestamps, steps, _flags(values))


def _flags(values: Array) -> int:
    if values.dtype.kind == "f":
        return 0
    if values.dtype.itemsize < 8 or (values.min() >= -EXACT_INTEGER and values.max() <= EXACT_INTEGER):
        return IS_INT
    return IS_INT | IMPRECISE


def integer_column(what: str, values: Array | list[Any]) -> Column:
    """Return integers as a column of int64.

    Raises:
        InvalidValue: an element is not an integer, or does not fit into 64 bits.
    """
    if isinstance(values, list):
        if not all(type(value) is int for value in values):
            values = [check_int64(f"{what}, element {number},", value) for number, value in enumerate(values)]
        try:
            return struct.pack(f"<{len(values)}q", *values)
        except struct.error:
            large = next(value for value in values if not -INT64_MAX - 1 <= value <= INT64_MAX)
            raise InvalidValue(what, large, "must be integers of 64 bits") from None
    if values.dtype.kind not in "iu":
        raise InvalidValue(what, values, INTEGER_RULE)
    if values.dtype.kind == "u" and len(values) and values.max() > INT64_MAX:
        raise InvalidValue(what, values, "must be integers of 64 bits")
    return _memory(values, "<i8")


def _memory(values: Array, kind: str) -> memoryview:
    """Return the elements of an array as bytes of a type. They are copied only if they have another type or layout."""
    import numpy

    return numpy.ascontiguousarray(values, kind).data.cast("B")
