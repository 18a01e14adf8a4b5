"""Facts about the series of a run, such as their latest values, without their points."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from bridge.records.views import SeriesSummary
from bridge.store.record_views.series import summary_of
from bridge.store.sql import series
from bridge.store.sql.latest import latest_of

if TYPE_CHECKING:
    from bridge.records.series import SeriesRecord
    from bridge.store.sql.connection import Connection

READ = (
    'SELECT s.run, n.key, n."column", n.kind, n.value_type, s.points, s.latest_step, s.latest_timestamp,'
    " s.latest_value, s.latest_bits, s.latest_text, s.minimum_value, s.maximum_value"
    " FROM run r CROSS JOIN series s ON s.run = r.key CROSS JOIN name n ON n.id = s.name WHERE r.id = ? ORDER BY s.id"
)


def list_series(c: Connection, run_id: str) -> list[SeriesSummary]:
    """Return facts about the series of a run. See `RunViews.list_series`."""
    rows = c.execute(READ, (run_id,)).fetchall()
    uncounted = [row for row in rows if row[5] is None]
    records = _records(c, uncounted[0][0], [row[1] for row in uncounted]) if uncounted else {}
    return [_summary(*row[1:]) if row[5] is not None else summary_of(records[row[1:5]]) for row in rows]


def _records(c: Connection, run: int, keys: list[str]) -> dict[tuple[Any, ...], SeriesRecord]:
    """Return the series with some keys: an earlier version stored points without facts about them."""
    found = series.read(c, [run], list(dict.fromkeys(keys)))[run]
    return {(one.key, one.column, one.kind, one.value_type): one for one in found}


def _summary(
    key: str, column: str, kind: int, value_type: Any, points: int, step: int, timestamp: int,
    value: float | None, bits: int | None, text: str | None, minimum: float | None, maximum: float | None,
) -> SeriesSummary:  # fmt: skip
    if text is not None:
        return SeriesSummary(
            key, column, kind, value_type, points, json.loads(text), step, timestamp, math.nan, math.nan
        )
    last = latest_of(value, bits, timestamp, step).value
    if points == 1:
        minimum = maximum = last
    least, greatest = (math.nan if one is None else one for one in (minimum, maximum))
    return SeriesSummary(key, column, kind, value_type, points, last, step, timestamp, least, greatest)
