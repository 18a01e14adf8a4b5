"""The points of keys after a position."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bridge.records.series import SCALAR
from bridge.store.record_views.series import after
from bridge.store.sql import series
from bridge.store.sql.names import SERIES
from bridge.store.sql.statements import chunks, marks_for_rows

if TYPE_CHECKING:
    from bridge.records.series import SeriesRecord
    from bridge.store.sql.connection import Connection

GROWN = (  # SQLite does not reorder cross joins, so it finds each counter with indexes
    "WITH wanted (number, run_id, key, position) AS (VALUES {})"
    " SELECT w.number, r.key FROM wanted w CROSS JOIN run r ON r.id = w.run_id"
    f" CROSS JOIN name n ON n.experiment = r.experiment AND n.entity = {SERIES} AND n.key = w.key AND n.kind = {SCALAR}"
    """ AND n."column" = '' AND n.value_type = 'number'"""
    " CROSS JOIN counter k ON k.run = r.key AND k.name = n.id WHERE k.points > w.position + 1"
)


def read_tails(c: Connection, positions: Mapping[tuple[str, str], int]) -> dict[tuple[str, str], list[SeriesRecord]]:
    """Return the points of keys after a position. See `RunViews.get_tail`."""
    grown: dict[tuple[str, str], int] = {}
    for some in chunks(list(positions.items())):
        values = [value for number, (name, position) in enumerate(some) for value in (number, *name, position)]
        for number, run in c.execute(GROWN.format(marks_for_rows(4, len(some))), values).fetchall():
            grown[some[number][0]] = run
    if not grown:
        return {}
    found = series.read(c, list(dict.fromkeys(grown.values())), list(dict.fromkeys(key for _, key in grown)))
    tails = {
        name: [tail for one in found[grown[name]] if one.key == name[1] and (tail := after(one, position)) is not None]
        for name, position in positions.items()
        if name in grown
    }
    return {name: records for name, records in tails.items() if records}
