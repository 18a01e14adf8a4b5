"""Statistics of series whose facts are not stored yet, because an earlier version of Runbridge stored their points.

A fold computes and stores these facts. Until then, they are computed from the points.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

from bridge.records.series import SeriesRecord
from bridge.records.views import Column, Statistic
from bridge.store.record_views.series import find_series, keys_of_name
from bridge.store.sql import series
from bridge.store.sql.views.chosen import Chosen

if TYPE_CHECKING:
    from bridge.store.sql.connection import Connection

    Array = numpy.ndarray[Any, Any]

ANY = "SELECT 1 FROM series WHERE points IS NULL LIMIT 1"
RUNS = (
    "SELECT DISTINCT s.run FROM json_each(?) j CROSS JOIN series s INDEXED BY series_uncounted ON s.run = j.value"
    " WHERE s.points IS NULL"
)


def statistics_of_uncounted(c: Connection, runs: Chosen, column: Column) -> list[tuple[int, float]]:
    """Return a statistic of a metric for each shown run that has uncounted series, by the key of the run."""
    if c.execute(ANY).fetchone() is None:
        return []
    keys = [row[0] for row in c.execute(RUNS, (runs.listed,)).fetchall()]
    found = []
    for run, records in series.read(c, keys, keys_of_name(column.key)).items():
        record = find_series(records, column.key, column.column)
        if record is not None:
            found.append((run, _statistic(record, column.statistic)))
    return found


def _statistic(record: SeriesRecord, statistic: Statistic) -> float:
    assert record.numbers is not None
    if statistic == "count":
        return float(len(record.numbers))
    is_number = ~numpy.isnan(record.numbers)
    numbers = record.numbers[is_number]
    if not len(numbers):
        return float("nan")
    if statistic == "first":
        return float(numbers[numpy.lexsort((record.timestamps[is_number], record.steps[is_number]))[0]])
    at = int(numbers.argmin() if statistic.startswith("min") else numbers.argmax())
    return float(record.steps[is_number][at] if statistic.endswith("step") else numbers[at])
