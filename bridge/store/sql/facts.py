"""Facts about series in SQL: the number of their points, and their first, least and greatest points.

A fold stores the facts with the points. Series of schema 4 have no stored facts. The background thread computes them
from the points and stores them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from bridge.store.sql.connection import Connection
from bridge.store.sql.database import Database
from bridge.store.sql.states import POINTS, STATE, Facts, facts_of_points, join_facts

POINTS_AT_ONCE = 250_000
"""About how many points `fill_some` reads in one call."""

BLOCKS_AT_ONCE = 16
"""The number of blocks in memory while the facts of a series are computed. A block has up to 4 MB."""

READ_BLOCKS = (
    'SELECT id, points, steps, timestamps, "values" FROM point_block WHERE series = ? AND id > ? ORDER BY id LIMIT ?'
)
UNCOUNTED = "SELECT id, latest_text IS NULL FROM series WHERE points IS NULL LIMIT 100"
FILL = (  # unless a fold has stored more points since the facts were computed
    f"UPDATE series SET {', '.join(f'{name} = ?' for name in STATE[POINTS:])}, hot = ?"
    " WHERE id = ? AND points IS NULL AND (SELECT count(*) FROM point_block WHERE series = ?) = ?"
)


NO_FACTS = (None,) * len(Facts._fields)
"""The columns of a series without facts."""


class Computed(NamedTuple):
    """The values that were computed from the blocks of a series: number of blocks, number of points, and facts."""

    blocks: int
    points: int
    facts: tuple[Any, ...]


def _compute(c: Connection, id: int, is_number: bool) -> Computed:
    """Compute the facts of a series from its blocks."""
    blocks, points, last = 0, 0, 0
    facts: Facts | None = None
    while rows := c.execute(READ_BLOCKS, (id, last, BLOCKS_AT_ONCE)).fetchall():
        last = rows[-1][0]
        blocks += len(rows)
        count = sum(row[1] for row in rows)
        points += count
        if is_number:
            new = _facts_of_blocks(rows, count)
            facts = new if facts is None else join_facts(facts, new)
    return Computed(blocks, points, NO_FACTS if facts is None else _row_of(facts))


def _row_of(facts: Facts) -> tuple[Any, ...]:
    """Return the facts of one series as columns of the database."""
    row = tuple(column.item() for column in facts)
    return NO_FACTS if math.isnan(facts.first_value[0]) else row


def _facts_of_blocks(rows: Sequence[Any], count: int) -> Facts:
    import numpy

    steps, timestamps, values = (
        numpy.frombuffer(b"".join([row[column] for row in rows]), dtype=dtype)
        for column, dtype in ((2, "<i8"), (3, "<i8"), (4, "<f8"))
    )
    return facts_of_points(numpy.array([0]), numpy.array([count]), steps, timestamps, values)


def fill_some(database: Database) -> bool:
    """Compute and store the facts of some series of schema 4. Return whether such series exist."""
    with database.read() as c:
        computed = _compute_some(c)
    if not computed:
        return False
    with database.write() as c:
        c.executemany(
            FILL,
            [
                (points, *(NO_FACTS if points == 1 else facts), blocks, id, id, blocks)
                for id, (blocks, points, facts) in computed
            ],
        )
    return True


def _compute_some(c: Connection) -> list[tuple[int, Computed]]:
    """Return the ids of some series of schema 4, with their facts."""
    computed: list[tuple[int, Computed]] = []
    for id, is_number in c.execute(UNCOUNTED).fetchall():
        computed.append((id, _compute(c, id, bool(is_number))))
        if sum(one.points for _, one in computed) >= POINTS_AT_ONCE:
            break
    return computed
