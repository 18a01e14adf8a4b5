"""Values of columns, taken from the records of runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bridge.records.series import Latest, SeriesRecord
from bridge.records.views import Column, Numbers, Spread, Texts
from bridge.store.record_views.series import find_series, statistic_of

if TYPE_CHECKING:
    from bridge.records.run import RunRecord


def value_of(column: Column, record: RunRecord, series: Sequence[SeriesRecord]) -> tuple[Any, ...]:
    """Return the value of a column for a run, as a tuple with one element, or an empty tuple.

    `series` are all series of the run. They may be empty if the statistic is `last` or `step`.
    """
    if column.entity == "metric":
        return _metric(column, record, series)
    if column.entity == "attribute":
        value = _attribute(record, column.key)
        return () if value is None else (value,)
    if column.entity == "tag":
        return _tag(record, column.key)
    return _labelled(record.params if column.entity == "param" else record.properties, column.key)


def _metric(column: Column, record: RunRecord, series: Sequence[SeriesRecord]) -> tuple[float, ...]:
    if column.statistic not in ("last", "step"):
        found = find_series(series, column.key, column.column)
        return () if found is None else (statistic_of(found, column.statistic),)
    latest: Latest | None
    if column.column:
        latest = record.latest_columns.get((column.key, column.column))
    else:
        latest = record.latest_metrics.get(column.key)
    if latest is None:
        return ()
    return (float(latest.step if column.statistic == "step" else latest.value),)


def _attribute(record: RunRecord, key: str) -> str | int | None:
    if key == "duration":
        no_time = record.start_time is None or record.end_time is None
        return None if no_time else record.end_time - record.start_time  # type: ignore[operator]
    value: str | int | None = getattr(record, {"run_id": "id"}.get(key, key))
    return value


def _tag(record: RunRecord, key: str) -> tuple[str | None, ...]:
    if key in record.latest_texts and key not in record.tags and key not in record.properties:
        return (str(record.latest_texts[key]),)
    return _labelled(record.tags if key in record.tags else record.properties, key)


def _labelled(labels: Mapping[str, str | None], key: str) -> tuple[str | None, ...]:
    return (labels[key],) if key in labels else ()


def as_array(column: Column, values: Sequence[tuple[Any, ...]]) -> Numbers | Texts:
    """Return the values of a column as arrays."""
    import numpy

    present = numpy.array([bool(value) for value in values], dtype=bool)
    if column.is_number:
        numbers = [float(value[0]) if value else math.nan for value in values]
        return Numbers(numpy.array(numbers, dtype=numpy.float64), present)
    words: dict[str | None, int] = {}
    codes = [words.setdefault(value[0], len(words)) if value else 0 for value in values]
    return Texts(numpy.array(codes, dtype=numpy.uint32), tuple(words), present)


def plain_value(value: tuple[Any, ...]) -> str | float | None:
    """Return a value for a comparison with other runs: None if it is missing, and one object for all NaN."""
    if not value or value[0] is None:
        return None
    if isinstance(value[0], str):
        return value[0]
    return math.nan if value[0] != value[0] else float(value[0])


def spread_of(values: Sequence[float]) -> Spread:
    """Return the distribution of values. NaN is skipped."""
    numbers = sorted(float(value) for value in values if value == value)
    if not numbers:
        return Spread(0, math.nan, math.nan, math.nan, math.nan, math.nan)
    count, half = len(numbers), len(numbers) // 2
    mean = sum(numbers) / count
    squares = [(number - mean) * (number - mean) for number in numbers]
    deviation = math.sqrt(sum(squares) / (count - 1)) if count > 1 else math.nan
    median = numbers[half] if count % 2 else (numbers[half - 1] + numbers[half]) / 2
    return Spread(count, mean, deviation, numbers[0], numbers[-1], median)
