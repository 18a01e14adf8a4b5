"""Facts about the series of a run, computed point by point from its records."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from bridge.records.series import COLUMN, SCALAR, Latest, SeriesRecord, later
from bridge.records.views import SeriesSummary, Statistic


def find_series(records: Sequence[SeriesRecord], key: str, column: str = "") -> SeriesRecord | None:
    """Return the number series of a run with the name that a `Column` of the entity `metric` has, or None.

    If several series have this name, return the one with the greatest latest point. If these are equal, a scalar series
    comes before columns, and the series that was logged first comes first.
    """
    named = [record for record in records if has_name(record, key, column)]
    named.sort(key=lambda record: record.kind)
    best: SeriesRecord | None = None
    for record in named:
        if best is None or later(latest_of(record), latest_of(best)):
            best = record
    return best


def keys_of_name(name: str) -> list[str]:
    """Return the keys that series with a name can have: `a.b.c` may be a key, or a column of the table `a` or `a.b`."""
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def has_name(record: SeriesRecord, key: str, column: str = "") -> bool:
    """Return whether a number series has the name that a `Column` of the entity `metric` has."""
    if record.numbers is None:
        return False
    if record.kind == COLUMN:
        return (record.key, record.column) == (key, column) if column else f"{record.key}.{record.column}" == key
    return record.kind == SCALAR and record.key == key and not column


def points_of(record: SeriesRecord) -> Iterator[Latest]:
    """Yield the points of a number series, in log order."""
    assert record.numbers is not None
    columns = (record.numbers.tolist(), record.timestamps.tolist(), record.steps.tolist())
    return map(Latest, *columns)


def latest_of(record: SeriesRecord) -> Latest:
    """Return the latest point of a number series."""
    latest: Latest | None = None
    for point in points_of(record):
        if later(point, latest):
            latest = point
    assert latest is not None  # a stored series has points
    return latest


def latest_text_of(record: SeriesRecord) -> str | bool | None:
    """Return the text with the greatest (step, timestamp), or the last logged of several such texts."""
    assert record.texts is not None
    places = zip(record.steps.tolist(), record.timestamps.tolist(), range(len(record.texts)), strict=True)
    return record.texts[max(places)[2]]


def statistic_of(record: SeriesRecord, statistic: Statistic) -> float:
    """Return a statistic of a number series. See `Column` for their meanings."""
    if statistic in ("last", "step"):
        latest = latest_of(record)
        return float(latest.step if statistic == "step" else latest.value)
    if statistic == "count":
        return float(len(record.positions))
    numbers = [point for point in points_of(record) if not math.isnan(point.value)]
    if not numbers:
        return math.nan
    if statistic == "first":
        return min(numbers, key=lambda point: (point.step, point.timestamp)).value
    choose = min if statistic.startswith("min") else max
    extreme = choose(numbers, key=lambda point: point.value)
    return float(extreme.step) if statistic.endswith("step") else extreme.value


def summary_of(record: SeriesRecord) -> SeriesSummary:
    """Return facts about a series without its points."""
    name = record.key, record.column, record.kind, record.value_type
    if record.numbers is None:
        step, timestamp = max(zip(record.steps.tolist(), record.timestamps.tolist(), strict=True))
        text = latest_text_of(record)
        return SeriesSummary(*name, len(record.positions), text, step, timestamp, math.nan, math.nan)
    latest = latest_of(record)
    least, greatest = statistic_of(record, "min"), statistic_of(record, "max")
    return SeriesSummary(*name, len(record.positions), latest.value, latest.step, latest.timestamp, least, greatest)


def after(record: SeriesRecord, position: int) -> SeriesRecord | None:
    """Return a series with only the points after a position, or None if no point comes after it."""
    if len(record.positions) and record.positions[0] > position:
        return record
    chosen = record.positions > position
    if not chosen.any():
        return None
    texts = record.texts
    return replace(
        record,
        positions=record.positions[chosen],
        steps=record.steps[chosen],
        timestamps=record.timestamps[chosen],
        apis=record.apis[chosen],
        numbers=None if record.numbers is None else record.numbers[chosen],
        texts=None if texts is None else [text for text, is_chosen in zip(texts, chosen, strict=True) if is_chosen],
    )
