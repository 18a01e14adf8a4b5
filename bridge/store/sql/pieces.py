"""Series in pieces in SQL: the chunks of a series, and its blocks together as one piece."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from bridge.store.chunks import ChunkFacts, decode_column, facts_of
from bridge.store.packages import check_package
from bridge.store.pieces import Piece
from bridge.store.sql.chunks import columns_of, read_blocks, read_chunks
from bridge.store.sql.statements import in_chunks

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]

FACTS = f"SELECT series, id, {', '.join(ChunkFacts._fields)} FROM chunk WHERE series IN ({{}})"
BLOCKS = "SELECT series, id FROM point_block WHERE series IN ({})"


def read_pieces(c: sqlite3.Connection, series: Sequence[int]) -> dict[int, list[Piece]]:
    """Return number series in pieces. Only the facts of chunks are read; their columns are read when requested.

    The columns of a piece can be requested only within the transaction of the caller.
    """
    found: dict[int, list[Piece]] = {id: [] for id in series}
    for owner, id, *facts in in_chunks(c, FACTS, series):
        found[owner].append(Piece(ChunkFacts(*facts), _column_of_chunk(c, id)))
    for own in found.values():
        own.sort(key=lambda piece: piece.facts.first_position)
    blocks: dict[int, list[int]] = {}
    for owner, id in in_chunks(c, BLOCKS, series):
        blocks.setdefault(owner, []).append(id)
    for owner, ids in blocks.items():
        columns = columns_of([block for _, _, block in read_blocks(c, ids)], is_text=False)
        found[owner].append(Piece(facts_of(columns), partial(getattr, columns)))
    return found


def _column_of_chunk(c: sqlite3.Connection, id: int) -> Callable[[str], Array]:
    """Return a function that returns a column of a chunk. The chunk is read only once."""
    read: list[Any] = []

    def column(name: str) -> Array:
        if not read:
            check_package("pcodec", "reading compressed metrics")
            read.extend(chunk for _, _, chunk in read_chunks(c, [id]))
        return decode_column(read[0], name)

    return column
