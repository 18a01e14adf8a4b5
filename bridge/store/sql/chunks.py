"""Blocks and chunks of points in SQL.

A block contains the points of one series that one fold stored, without compression. A chunk contains the points of
several blocks, compressed. All points of the chunks of a series were logged before the points of its blocks.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from bridge.records.run import TERMINAL_STATUSES
from bridge.store.chunks import Chunk, ChunkFacts, Columns
from bridge.store.sql.statements import chunks, in_chunks, insert, marks_for

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]

Row: TypeAlias = "tuple[Any, ...]"

BLOCK = ("points", "positions", "steps", "timestamps", '"values"', "doors")
HEAD = ("codec", "library", *ChunkFacts._fields)
BLOBS = ("positions", "steps", "timestamps", '"values"', "apis")
CHUNK = (*HEAD, *BLOBS)

NOTE_ENDED = (
    "INSERT INTO unsealed (run) SELECT key FROM run WHERE key IN ({})"
    f" AND status IN ({', '.join(map(repr, sorted(TERMINAL_STATUSES)))})"
    " ON CONFLICT (run) DO UPDATE SET version = version + 1"
)


class Block(NamedTuple):
    """The points of a row of the table `point_block`. `values` are float64 numbers, or a JSON list of texts."""

    points: int
    positions: bytes
    steps: bytes
    timestamps: bytes
    values: bytes
    apis: bytes


def read_blocks(c: sqlite3.Connection, ids: Sequence[int]) -> list[tuple[int, int, Block]]:
    """Return blocks with these ids, as tuples (series, id, block) in the order of the ids."""
    sql = f"SELECT series, id, {', '.join(BLOCK)} FROM point_block WHERE id IN ({{}})"
    return sorted((series, id, Block(*row)) for series, id, *row in in_chunks(c, sql, ids))


def read_chunks(c: sqlite3.Connection, ids: Sequence[int]) -> list[tuple[int, int, Chunk]]:
    """Return chunks with these ids, as tuples (series, id, chunk) in the log order of each series."""
    sql = f"SELECT series, id, {', '.join(CHUNK)} FROM chunk WHERE id IN ({{}})"
    found = [(series, id, chunk_of(row)) for series, id, *row in in_chunks(c, sql, ids)]
    return sorted(found, key=lambda one: (one[0], one[2].facts.first_position))


def chunk_of(row: Sequence[Any]) -> Chunk:
    """Return the chunk that the columns `CHUNK` of a row contain."""
    codec, library, *rest = row
    facts = len(ChunkFacts._fields)
    return Chunk(codec, library, ChunkFacts(*rest[:facts]), *rest[facts:])


def insert_chunks(c: sqlite3.Connection, series: int, new: Iterable[Chunk]) -> None:
    """Insert chunks of a series."""
    rows: list[Row] = [(series, chunk.codec, chunk.library, *chunk.facts, *chunk[3:]) for chunk in new]
    insert(c, "chunk", ("series", *CHUNK), rows)


def columns_of(blocks: Sequence[Block], is_text: bool) -> Columns:
    """Return the points of blocks, one block after the other."""
    import numpy

    def joined(parts: Iterable[bytes], type: str) -> Array:
        return numpy.frombuffer(b"".join(parts), dtype=type)

    texts = list(chain.from_iterable(json.loads(block.values) for block in blocks)) if is_text else None
    return Columns(
        joined((block.positions for block in blocks), "<i8"),
        joined((block.steps for block in blocks), "<i8"),
        joined((block.timestamps for block in blocks), "<i8"),
        joined((block.values for block in blocks), "<f8") if texts is None else texts,
        joined((block.apis for block in blocks), "u1"),
    )


def note_ended(c: sqlite3.Connection, runs: Sequence[int]) -> None:
    """Let the points of runs be sealed, if the runs have ended. `runs` are the keys of the runs that got points."""
    for some in chunks(runs):
        c.execute(NOTE_ENDED.format(marks_for(some)), some)
