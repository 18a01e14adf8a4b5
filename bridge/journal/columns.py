"""Converts the points of a journal to numpy arrays."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from bridge.journal.column_record import BYTES_OF, OF_FLAGS, OF_SERIES, OF_STEPS, OF_TIMESTAMPS, SHARED, VALUES_AT
from bridge.journal.format import (
    CELL_SIZE,
    HEAD,
    IS_TEXT,
    POINT,
    REST_AT,
    TYPE_NUMBER,
    TYPE_ROW,
    decode_text,
)
from bridge.records.point_columns import IMPRECISE, IS_INT

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]


@cache
def row_type() -> numpy.dtype[Any]:
    """Return the numpy type for points. Its layout is that of the record of a number point.

    Text points and cells of rows are converted to this layout. The `value` of a text is an index into a list of texts.
    For a cell of a row, `cell` is the index in the row. `flags` then contains the flags of the row, and also the flags
    `IS_INT` and `IMPRECISE` of the cell.
    """
    import numpy

    names = ["crc", "size", "type", "flags", "cell", "series", "time", "timestamp", "step", "value"]
    formats = ["<u4", "<u4", "u1", "u1", "<u2", "<u4", "<i8", "<i8", "<i8", "<f8"]
    return numpy.dtype({"names": names, "formats": formats})


@lru_cache(maxsize=64)
def table_row_type(size: int, cells: int, rest_at: int) -> numpy.dtype[Any]:
    """Return the numpy type for the record of a row, without its texts.

    Args:
        size: the size of the record in bytes.
        cells: the number of cells in the row.
        rest_at: the offset of the record time in the record. The record time follows the head (the first fields).
    """
    import numpy

    cell = numpy.dtype(
        {
            "names": ["series", "flags", "value", "at", "length"],  # a text has `at` and `length` instead of `value`
            "formats": ["<u4", "u1", "<f8", "<u4", "<u4"],
            "offsets": [0, 4, 8, 8, 12],
            "itemsize": CELL_SIZE,
        }
    )
    names = ["size", "type", "flags", "cells", "time", "timestamp", "step", "entries"]
    formats = ["<u4", "u1", "u1", "<u4", "<i8", "<i8", "<i8", (cell, (cells,))]
    offsets = [4, 8, 9, 12, rest_at, rest_at + 8, rest_at + 16, rest_at + POINT.size]
    return numpy.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": size})


def cells_as_points(rows: Array, records: memoryview, first_text: int, texts: list[str | bool | None]) -> bytes:
    """Return the cells of rows, in the layout of number points.

    Args:
        rows: rows whose records have the same size and the same number of cells.
        records: the bytes of their records.
        first_text: the offset in each record where its texts begin.
        texts: a list, to which the texts of the cells are added.
    """
    import numpy

    entries = rows["entries"]  # a two-dimensional array: rows of the table, and their cells
    points = numpy.zeros(entries.shape, dtype=row_type())
    points["type"] = TYPE_ROW
    points["flags"] = rows["flags"][:, None] | (entries["flags"] & (IS_INT | IMPRECISE))
    points["cell"] = numpy.arange(entries.shape[1])
    for name in ("time", "timestamp", "step"):
        points[name] = rows[name][:, None]
    for name in ("series", "value"):
        points[name] = entries[name]
    is_text = (entries["flags"] & IS_TEXT) != 0
    if is_text.any():
        points["value"][is_text] = numpy.arange(len(texts), len(texts) + int(is_text.sum()))
        _add_texts(entries, is_text, records, first_text, texts)
    return points.tobytes()


def _add_texts(
    entries: Array, is_text: Array, records: memoryview, first_text: int, texts: list[str | bool | None]
) -> None:
    """Add the texts of cells to `texts`, row after row."""
    import numpy

    size = len(records) // len(entries)
    begins = numpy.nonzero(is_text)[0] * size + first_text + entries["at"][is_text]
    columns = (entries["flags"][is_text], begins, begins + entries["length"][is_text])
    for flags, begin, end in zip(*(column.tolist() for column in columns), strict=True):
        texts.append(decode_text(flags, bytes(records[begin:end])))


def columns_as_points(record: memoryview) -> Array:
    """Return the points of a record of columns, in the layout of number points. `record` has all its bytes."""
    import numpy

    _, _, flags, _, count = HEAD.unpack_from(record, 4)
    time, timestamp, step, series, held = SHARED.unpack_from(record, REST_AT)
    points = numpy.zeros(count, dtype=row_type())
    fields = {"type": TYPE_NUMBER, "flags": flags, "time": time, "timestamp": timestamp, "step": step, "series": series}
    for name, value in fields.items():
        points[name] = value
    points["value"] = numpy.frombuffer(record, "<f8", count, VALUES_AT)
    at = VALUES_AT + 8 * count
    for column, size in BYTES_OF:
        if held & column:
            name, kind = COLUMNS[column]
            own = numpy.frombuffer(record, kind, count, at)
            points[name] = own | flags if column == OF_FLAGS else own
            at += size * count
    return points


COLUMNS = {
    OF_TIMESTAMPS: ("timestamp", "<i8"),
    OF_STEPS: ("step", "<i8"),
    OF_SERIES: ("series", "<u4"),
    OF_FLAGS: ("flags", "u1"),
}
"""For each column of a record of columns after the values: its field in `row_type`, and its type."""


def in_order_of_time(rows: Array) -> Array:
    """Return the points, with record times changed so that they never decrease.

    If a point has an earlier time than a point before it, the time of that other point replaces its time. So the points
    of a journal always stay in the order of the log calls.
    A fold (copying points to the database) stores points in portions, and each portion ends at a record time; see
    `Stretch.cut`. This time can be that of the last point that was read. If that point had an earlier time than the
    first point, the portion would be empty, and the fold would make no progress.
    """
    import numpy

    times = rows["time"]
    if not (times[1:] < times[:-1]).any():
        return rows
    rows = rows.copy()
    rows["time"] = numpy.maximum.accumulate(times)
    return rows


def distinct(numbers: Array) -> list[int]:
    """Return the different numbers of an array in ascending order.

    `numpy.unique` would import `numpy.ma` for this. The background thread that folds must not import a module, because
    another thread may fork the process at the same time.
    """
    import numpy

    ordered = numpy.sort(numbers)
    is_first = numpy.ones(len(ordered), dtype=bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    return list(ordered[is_first].tolist())


def offsets(ends: tuple[range, int]) -> Array:
    """Return the byte offset at which each point ends.

    Args:
        ends: the offsets at which records end, and how many points each record has.
    """
    import numpy

    record_ends, points = ends
    return numpy.repeat(numpy.arange(record_ends.start, record_ends.stop, record_ends.step), points)
