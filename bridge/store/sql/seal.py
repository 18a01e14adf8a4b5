"""Seals points in SQL: merges the blocks of series into compressed chunks, in several short transactions.

A block contains the points of one series that one fold stored. Sealing changes nothing that a reader sees.
Each step reads some blocks in one transaction, and compresses them without a transaction. Another transaction replaces
the blocks by the new chunks, if no other process has changed them since.
Chunks grow as in a log-structured merge tree: new points are merged with the last chunk only if that chunk does not
contain more points than the new ones. So most points are compressed a few times, and no point more than about 16 times.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from bridge.errors import StoreUnavailable
from bridge.store.chunks import CODEC, MOST_POINTS, Chunk, Columns, decode, encode, joined
from bridge.store.sql.chunks import Block, columns_of, insert_chunks, read_blocks, read_chunks
from bridge.store.sql.database import Database
from bridge.store.sql.purge import BIN
from bridge.store.sql.statements import chunks, marks_for, state_of

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]

logger = logging.getLogger("bridge")

HOT_BLOCKS, HOT_POINTS = 64, 16_384
"""A series of an active run is sealed when it has `HOT_BLOCKS` blocks, or gets a block with `HOT_POINTS` points."""

FEW_BLOCKS, FEW_POINTS = 2, 6
"""A series with at most `FEW_BLOCKS` blocks and fewer than `FEW_POINTS` points is not sealed.

The facts of a chunk take about 150 bytes.
"""

SERIES_AT_ONCE, POINTS_AT_ONCE, BLOCKS_AT_ONCE = 100, 2 * MOST_POINTS, 5_000
"""About how many series, points, and blocks of one series a step seals.

The transaction that replaces the blocks then takes about 10 ms.
"""

SERIES_LISTED = 1_000
"""The number of series of ended runs that are listed at a time."""

VALUE_TYPE = (  # a series whose points are not counted yet is left as it is
    "SELECT n.value_type FROM series s CROSS JOIN name n ON n.id = s.name WHERE s.id = ? AND s.points IS NOT NULL"
)
BLOCKS_OF = "SELECT id, points FROM point_block WHERE series = ? ORDER BY id LIMIT ?"
LAST_CHUNKS = "SELECT id, points, codec FROM chunk WHERE series = ? ORDER BY first_position DESC LIMIT 20"

# SQLite would choose the primary key, and read all series of the run.
UNCOUNTED = "SELECT 1 FROM series INDEXED BY series_uncounted WHERE run = u.run AND points IS NULL"
ENDED = (
    "SELECT u.run, u.version FROM unsealed u CROSS JOIN run r ON r.key = u.run"
    f" WHERE r.experiment != {BIN} AND NOT EXISTS ({UNCOUNTED}) LIMIT 100"
)
SEALED = "DELETE FROM unsealed WHERE run = ? AND version = ?"
SERIES_OF = (
    "SELECT s.id, s.name FROM series s WHERE s.run = ? AND s.name > ?"
    " AND EXISTS (SELECT 1 FROM point_block WHERE series = s.id) ORDER BY s.name LIMIT ?"
)


class Part(NamedTuple):
    """The points of a series that one step merges: ids of blocks and of chunks, and the content of these rows.

    `has_more` is true if the series has more blocks.
    """

    series: int
    is_text: bool
    blocks: list[tuple[int, int, Block]]
    chunks: list[tuple[int, int, Chunk]]
    has_more: bool


class Ended(NamedTuple):
    """A run that has ended. Its series whose names have ids up to `after` are sealed.

    `version` is the version of its row in the table `unsealed`. It differs if points were stored since.
    """

    run: int
    version: int
    after: int


class Sealer:
    """Seals the series that have many points without compression, and those of runs that have ended.

    Only one thread may use it at a time.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._due: dict[int, None] = {}
        self._next: Ended | None = None
        self._finished: list[Ended] = []

    def add(self, series: Array, blocks: Array, points: Sequence[int]) -> None:
        """Seal series later if they have many points without compression.

        Args:
            series: the series that have new points.
            blocks: the number of blocks of each series.
            points: the number of points in the newest block of each series.
        """
        import numpy

        is_due = (blocks >= HOT_BLOCKS) | (numpy.array(points) >= HOT_POINTS)
        self._due.update(dict.fromkeys(series[is_due].tolist()))

    def step(self) -> bool:
        """Seal some points. Return whether more points may wait."""
        due, finished, following = list(self._due), self._finished, self._next
        self._due, self._finished, self._next = {}, [], None  # if the step fails, the runs are listed again
        if due:
            self._due.update(dict.fromkeys(seal(self._database, due)))
            self._finished, self._next = finished, following
        elif finished:
            with self._database.write() as c:
                c.executemany(SEALED, [(one.run, one.version) for one in finished])
            self._next = following
        else:
            return self._list_ended(following)
        return True

    def _list_ended(self, following: Ended | None) -> bool:
        """List some series of runs that have ended, first of the run `following`. Return whether such runs exist."""
        room = SERIES_LISTED
        with self._database.read() as c:
            ended = [Ended(run, version, 0) for run, version in c.execute(ENDED).fetchall()]
            runs = ended if following is None else [following]
            for one in runs:
                rows = c.execute(SERIES_OF, (one.run, one.after, room)).fetchall()
                self._due.update((series, None) for series, _ in rows)
                room -= len(rows)
                if not room:
                    self._next = one._replace(after=rows[-1][1])
                    break
                self._finished.append(one)
        return bool(runs)


def seal(database: Database, series: Sequence[int]) -> list[int]:
    """Seal some points of series. Return the ids of the series that may have more points without compression."""
    with database.read() as c:
        state = state_of(c)
        parts, rest = _plan(c, series)
    made = [_merged(part) for part in parts]
    if parts:
        with database.write() as c:
            _replace_unchanged(c, parts, made, state_of(c) == state)
    return rest


def _replace_unchanged(
    c: sqlite3.Connection, parts: Sequence[Part], made: Sequence[Sequence[Chunk]], is_same: bool
) -> None:
    """Replace the parts that have not changed by their new chunks. `is_same` states that the database has not changed.

    A part without new chunks stays as it is.
    """
    for part, new in zip(parts, made, strict=True):
        if new and (is_same or _is_unchanged(c, part)):
            _replace(c, part, new)


def _plan(c: sqlite3.Connection, series: Sequence[int]) -> tuple[list[Part], list[int]]:
    """Return what one step merges, and the series that remain for later steps."""
    parts: list[Part] = []
    points = taken = 0
    while taken < min(len(series), SERIES_AT_ONCE) and points < POINTS_AT_ONCE:
        part = _part(c, series[taken], POINTS_AT_ONCE - points)
        taken += 1
        if part is not None:
            parts.append(part)
            points += sum(block.points for _, _, block in part.blocks)
    return parts, [*(part.series for part in parts if part.has_more), *series[taken:]]


def _part(c: sqlite3.Connection, series: int, most_points: int) -> Part | None:
    """Return the first blocks of a series, with about `most_points` points, and the chunks to merge with them."""
    row = c.execute(VALUE_TYPE, (series,)).fetchone()
    blocks = c.execute(BLOCKS_OF, (series, BLOCKS_AT_ONCE + 1)).fetchall()
    if row is None or not blocks:
        return None
    if len(blocks) <= FEW_BLOCKS and sum(points for _, points in blocks) < FEW_POINTS:
        return None
    points = taken = 0
    while taken < min(len(blocks), BLOCKS_AT_ONCE) and points < most_points:
        points += blocks[taken][1]
        taken += 1
    merged = []
    for id, count, codec in c.execute(LAST_CHUNKS, (series,)).fetchall():
        if count >= MOST_POINTS or count > points or codec > CODEC:
            break
        merged.append(id)
        points += count
    return Part(
        series=series,
        is_text=row[0] == "text",
        blocks=read_blocks(c, [id for id, _ in blocks[:taken]]),
        chunks=read_chunks(c, merged),
        has_more=taken < len(blocks),
    )


def _merged(part: Part) -> list[Chunk]:
    """Return new chunks with the points of a part, or no chunks if the points cannot be read."""
    try:
        columns = [decode(chunk, part.is_text) for _, _, chunk in part.chunks]
    except StoreUnavailable as error:  # a newer version of pcodec has compressed them
        logger.debug("Series %d is not compressed: %s", part.series, error)
        return []
    whole: Columns = joined([*columns, columns_of([block for _, _, block in part.blocks], part.is_text)])
    return [encode(whole.cut(at, at + MOST_POINTS)) for at in range(0, len(whole.positions), MOST_POINTS)]


def _is_unchanged(c: sqlite3.Connection, part: Part) -> bool:
    """Return whether the rows of a part still have the same content. Their ids can belong to other rows by now."""
    blocks = read_blocks(c, [id for _, id, _ in part.blocks])
    return blocks == part.blocks and read_chunks(c, [id for _, id, _ in part.chunks]) == part.chunks


def _replace(c: sqlite3.Connection, part: Part, new: Sequence[Chunk]) -> None:
    """Replace blocks and chunks by new chunks."""
    for table, rows in (("point_block", part.blocks), ("chunk", part.chunks)):
        for some in chunks([id for _, id, _ in rows]):
            c.execute(f"DELETE FROM {table} WHERE id IN ({marks_for(some)})", some)
    insert_chunks(c, part.series, new)
    c.execute("UPDATE series SET hot = max(hot - ?, 0) WHERE id = ?", (len(part.blocks), part.series))
