"""The points of keys after a position."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bridge.records.series import SCALAR
from bridge.store.packages import check_package
from bridge.store.record_views.series import after
from bridge.store.sql import series
from bridge.store.sql.chunks import read_chunks
from bridge.store.sql.names import SERIES
from bridge.store.sql.statements import chunks, in_chunks, marks_for_rows

if TYPE_CHECKING:
    from bridge.records.series import SeriesRecord
    from bridge.store.chunks import Chunk
    from bridge.store.sql.connection import Connection

GROWN = (  # SQLite does not reorder cross joins, so it finds each counter with indexes
    "WITH wanted (number, run_id, key, position) AS (VALUES {})"
    " SELECT w.number, r.key, k.points - w.position - 1 FROM wanted w CROSS JOIN run r ON r.id = w.run_id"
    f" CROSS JOIN name n ON n.experiment = r.experiment AND n.entity = {SERIES} AND n.key = w.key AND n.kind = {SCALAR}"
    """ AND n."column" = '' AND n.value_type = 'number'"""
    " CROSS JOIN counter k ON k.run = r.key AND k.name = n.id WHERE k.points > w.position + 1"
)
ENDS = "SELECT series, id, last_position FROM chunk WHERE series IN ({})"


def read_tails(c: Connection, positions: Mapping[tuple[str, str], int]) -> dict[tuple[str, str], list[SeriesRecord]]:
    """Return the points of keys after a position. See `RunViews.get_tail`."""
    grown: dict[tuple[str, str], int] = {}
    most = 0
    positions = {name: max(position, -1) for name, position in positions.items()}  # SQLite's integers have 64 bits
    for some in chunks(list(positions.items())):
        values = [value for number, (name, position) in enumerate(some) for value in (number, *name, position)]
        for number, run, new in c.execute(GROWN.format(marks_for_rows(4, len(some))), values).fetchall():
            grown[some[number][0]] = run
            most = max(most, new)
    after_of = {(grown[name], name[1]): position for name, position in positions.items() if name in grown}
    found = _read(c, after_of, most)
    tails = {name: found.get((grown[name], name[1]), []) for name in positions if name in grown}
    return {name: records for name, records in tails.items() if records}


def _read(
    c: Connection, positions: Mapping[tuple[int, str], int], most: int
) -> dict[tuple[int, str], list[SeriesRecord]]:
    """Return the points of keys after a position, by the key of the run in the database and the key of the metric.

    No key has more than `most` such points. They are in the newest blocks, because each block has a point.
    """
    found: dict[tuple[int, str], list[SeriesRecord]] = {}
    keys = list(dict.fromkeys(key for _, key in positions))
    for runs in chunks(list(dict.fromkeys(run for run, _ in positions))):
        records = [one for one in series.read_blocks(c, runs, keys, most) if (one[1], one[2].key) in positions]
        sealed = _chunks_after(c, {id: positions[run, record.key] for id, run, record in records})
        for id, run, record in records:
            whole = series.with_chunks(record, sealed[id]) if id in sealed else record
            tail = after(whole, positions[run, record.key])
            if tail is not None:
                found.setdefault((run, record.key), []).append(tail)
    return found


def _chunks_after(c: Connection, positions: Mapping[int, int]) -> dict[int, list[Chunk]]:
    """Return the chunks with points after a position, by series. Other chunks are not read."""
    ids = [id for owner, id, last in in_chunks(c, ENDS, list(positions)) if last > positions[owner]]
    if ids:
        check_package("pcodec", "reading compressed metrics")
    found: dict[int, list[Chunk]] = {}
    for owner, _, chunk in read_chunks(c, ids):
        found.setdefault(owner, []).append(chunk)
    return found
