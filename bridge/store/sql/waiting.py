"""The index of searches in SQL: the column `indexed` of series, and the runs that wait for it.

A fold changes the latest values of series. It does not change the index, because that would take several times as long.
It only adds the run to the table `waiting`. A search compares the runs in this table one by one.
A run comes into the index when it has ended, or when it has waited for a while. If it has very many metrics, the
background thread does this in several transactions.
"""

from __future__ import annotations

from collections.abc import Sequence

from bridge.records.run import TERMINAL_STATUSES
from bridge.store.sql.connection import Connection
from bridge.store.sql.database import Database
from bridge.store.sql.statements import chunks, in_chunks, insert, marks_for

WAIT_MILLISECONDS = 30_000
"""How long a run that has not ended waits."""

ROWS_AT_ONCE = 500
"""The number of series that one transaction brings into the index. This takes up to about 25 ms."""

HAS_ENDED = f"r.status IN ({', '.join(f'{status!r}' for status in sorted(TERMINAL_STATUSES))})"
DUE = f"SELECT w.run FROM waiting w CROSS JOIN run r ON r.key = w.run WHERE w.since <= ? OR {HAS_ENDED} LIMIT ?"
ENDED = f"SELECT w.run FROM waiting w CROSS JOIN run r ON r.key = w.run WHERE w.run IN ({{}}) AND {HAS_ENDED}"
VALUE = "coalesce({}latest_value, 9e999)"
"""The value of `indexed`. NaN is +inf there; ±inf is ±1.797e308."""

STALE = (
    "SELECT s.name FROM series s CROSS JOIN name n ON n.id = s.name"
    " WHERE s.run = ? AND n.value_type = 'number'"
    f" AND s.indexed IS NOT {VALUE.format('s.')} AND s.name > ? ORDER BY s.name LIMIT ?"
)


def add_waiting(c: Connection, runs: Sequence[int], now: int) -> None:
    """Let runs wait for the index. Runs that wait already keep their time. `now` is in milliseconds since 1970."""
    insert(c, "waiting", ("run", "since"), [(run, now) for run in runs], "ON CONFLICT DO NOTHING")


def index_some(database: Database, now: int) -> bool:
    """Bring some waiting runs into the index in one transaction. Return whether more runs are due.

    Args:
        database: the database.
        now: runs are due that have waited since `WAIT_MILLISECONDS` before this time, or that have ended.
    """
    due = (now - WAIT_MILLISECONDS, ROWS_AT_ONCE)
    with database.read() as c:
        if c.execute(DUE, due).fetchone() is None:
            return False
    with database.write() as c:
        return _index_all(c, [row[0] for row in c.execute(DUE, due).fetchall()])


def index_ended(c: Connection, runs: Sequence[int]) -> None:
    """Bring those of the runs into the index that wait and have ended, as far as this is possible in a short time."""
    _index_all(c, [row[0] for row in in_chunks(c, ENDED, runs)])


def _index_all(c: Connection, runs: Sequence[int]) -> bool:
    """Bring `ROWS_AT_ONCE` series of runs into the index. Return whether more may be left."""
    left = ROWS_AT_ONCE
    for run in runs:
        left -= _index(c, run, left)
        if left <= 0:
            return True
    return len(runs) >= ROWS_AT_ONCE


def _index(c: Connection, run: int, most: int) -> int:
    """Bring at most this number of series of a run into the index. Return their number, or 1 if it is 0.

    Each step goes on where the step before has ended, so that the steps together do not read the series many times.
    A run leaves the table `waiting` after a step that has read all its series, because a fold may have changed some.
    """
    (after,) = c.execute("SELECT after FROM waiting WHERE run = ?", (run,)).fetchone()
    stale = [row[0] for row in c.execute(STALE, (run, after, most)).fetchall()]
    for some in chunks(stale):
        c.execute(
            f"UPDATE series SET indexed = {VALUE.format('')} WHERE run = ? AND name IN ({marks_for(some)})",
            (run, *some),
        )
    if len(stale) == most:
        c.execute("UPDATE waiting SET after = ? WHERE run = ?", (stale[-1], run))
    elif after:
        c.execute("UPDATE waiting SET after = 0 WHERE run = ?", (run,))
        return len(stale) + _index(c, run, most - len(stale))
    else:
        c.execute("DELETE FROM waiting WHERE run = ?", (run,))
    return max(len(stale), 1)
