"""Reading a table needs little more memory than its result."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy
import pytest

from bridge.records.series import COLUMN, SeriesRecord
from bridge.runs.metric_values import logged_metric, metrics_by_name

BYTES = 1_000
"""Extra bytes for each cell, row and column. An array of all rows and columns would need 4,000 for each here."""

ROWS = COLUMNS = 2_000


def column_of(name: str, positions: Any) -> SeriesRecord:
    count = len(positions)
    zeros = numpy.zeros(count, numpy.int64)
    numbers = numpy.arange(count) + 0.5
    return SeriesRecord("t", name, COLUMN, "number", False, positions, zeros, zeros, zeros.astype("u1"), numbers, None)


def a_wide_row_and_rows_of_one_cell() -> list[SeriesRecord]:
    first = column_of("c0", numpy.arange(ROWS))
    return [first, *(column_of(f"c{number}", numpy.zeros(1, numpy.int64)) for number in range(1, COLUMNS))]


def rows_without_a_common_column() -> list[SeriesRecord]:
    return [column_of(f"c{number}", numpy.array([number])) for number in range(COLUMNS)]


def a_row_of_very_many_columns() -> list[SeriesRecord]:
    return [column_of(f"c{number}", numpy.zeros(1, numpy.int64)) for number in range(20_000)]


def a_table_without_gaps() -> list[SeriesRecord]:
    return [column_of(f"c{number}", numpy.arange(20_000)) for number in range(4)]


def size_of(value: object) -> int:
    """Return the bytes of dicts, lists and the numbers in them."""
    if isinstance(value, dict):
        return sys.getsizeof(value) + sum(map(size_of, value.values()))
    if isinstance(value, list):
        return sys.getsizeof(value) + sum(sys.getsizeof(one) for one in value if one is not None)
    return sys.getsizeof(value)


READS: dict[str, Callable[[list[SeriesRecord]], Any]] = {
    "get_metrics": lambda records: metrics_by_name("r1", records)["t"],
    "get_metric": lambda records: vars(logged_metric("t", records).table),
}


@pytest.mark.slow
@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize(
    "make",
    [
        a_wide_row_and_rows_of_one_cell,
        rows_without_a_common_column,
        a_row_of_very_many_columns,
        a_table_without_gaps,
    ],
)
def test_a_table_is_read_with_little_more_memory_than_its_result(
    make: Callable[[], list[SeriesRecord]], read: str
) -> None:
    records = make()
    cells = sum(len(record.positions) for record in records)
    rows = len(numpy.unique(numpy.concatenate([record.positions for record in records])))
    tracemalloc.start()
    try:
        found = READS[read](records)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < size_of(found) + BYTES * (cells + rows + len(records))
