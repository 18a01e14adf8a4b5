"""Parts of the histories of metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.records.series import COLUMN, SCALAR
from bridge.store.history import history_part
from bridge.store.record_views.series import keys_of_name
from bridge.store.sql.names import SERIES
from bridge.store.sql.pieces import read_pieces
from bridge.store.sql.statements import marks_for
from bridge.store.sql.time_limit import count_bytes

if TYPE_CHECKING:
    from bridge.records.series import Series
    from bridge.store.sql.connection import Connection

NAMED = (  # SQLite does not reorder cross joins, so it finds the names of the keys first
    'SELECT s.id, n.key, n.kind, n."column" FROM run r CROSS JOIN name n ON n.experiment = r.experiment'
    f" AND n.entity = {SERIES} AND n.key IN ({{}}) AND n.value_type = 'number'"
    " CROSS JOIN series s ON s.run = r.key AND s.name = n.id WHERE r.id = ?"
)


POINT_BYTES = 24
"""The memory of a point of a history."""


def read_history(c: Connection, run_id: str, key: str, begin: int, end: int | None) -> Series:
    """Return the points `begin` to before `end` of a history. See `RunViews.get_history`."""
    keys = keys_of_name(key)
    rows = c.execute(NAMED.format(marks_for(keys)), (*keys, run_id)).fetchall()
    series = [
        id
        for id, own, kind, column in rows
        if (kind == SCALAR and own == key) or (kind == COLUMN and f"{own}.{column}" == key)
    ]
    pieces = read_pieces(c, series)
    points = sum(piece.facts.points for id in series for piece in pieces[id])
    count_bytes(POINT_BYTES * max(0, min(points, points if end is None else end) - begin))
    return history_part([piece for id in series for piece in pieces[id]], begin, end)
