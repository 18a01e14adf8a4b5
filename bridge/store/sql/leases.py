"""Leases in SQL: functions over a connection within a transaction.

A lease that was let go of keeps its row with an empty journal id, so that an older record of it changes nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from bridge.records.run import TERMINAL_STATUSES, Lease, RunChanges
from bridge.store.leases import lease_after, spoken_leases, verdict
from bridge.store.slices import Slice
from bridge.store.sql.statements import in_chunks, insert

REPLACED = "ON CONFLICT (run) DO UPDATE SET journal_id = excluded.journal_id, time = excluded.time"


def store(c: sqlite3.Connection, slices: Sequence[Slice]) -> None:
    """Keep what journals say of leases; of runs that have ended, or are not there, nothing is kept."""
    spoken = spoken_leases(slices)
    rows = in_chunks(
        c,
        "SELECT r.id, r.key, r.status, l.journal_id, l.time FROM run r LEFT JOIN lease l ON l.run = r.key"
        " WHERE r.id IN ({})",
        list(spoken),
    )
    changed = []
    for run_id, key, status, journal_id, time in list(rows):
        before = None if time is None else Lease(run_id, journal_id, time)
        after = lease_after(before, spoken[run_id])
        if after is None or after == before or status in TERMINAL_STATUSES:
            continue
        changed.append((key, after.journal_id, after.time))
        if status == "NotResponding" and after.journal_id:
            c.execute("UPDATE run SET status = 'Running' WHERE key = ?", (key,))
    insert(c, "lease", ("run", "journal_id", "time"), changed, REPLACED)


def read(c: sqlite3.Connection) -> list[Lease]:
    """The leases that are held, by run."""
    rows = c.execute(
        "SELECT r.id, l.journal_id, l.time FROM lease l JOIN run r ON r.key = l.run WHERE l.journal_id != ''"
        " ORDER BY l.run"
    )
    return [Lease(*row) for row in rows]


def verdicts(c: sqlite3.Connection, ended: Mapping[str, int], now: int) -> list[tuple[str, int, RunChanges]]:
    """What is to be changed of runs whose owner is gone or silent: their ids, keys and changes."""
    rows = c.execute(
        "SELECT r.id, r.key, r.status, r.start_time, l.journal_id, l.time FROM lease l JOIN run r ON r.key = l.run"
        " WHERE l.journal_id != '' ORDER BY l.run"
    )
    found = []
    for run_id, key, status, start_time, journal_id, time in rows:
        changes = verdict(Lease(run_id, journal_id, time), status, ended, now, start_time)
        if changes is not None:
            found.append((run_id, key, changes))
    return found


def end(c: sqlite3.Connection, ended: Mapping[str, int], now: int) -> list[str]:
    """End runs whose owner is gone, and mark those whose owner is silent; the ids of both."""
    found = verdicts(c, ended, now)
    for _, key, changes in found:
        c.execute(
            "UPDATE run SET status = ?, end_time = coalesce(?, end_time), error = coalesce(?, error) WHERE key = ?",
            (changes.status, changes.end_time, changes.error, key),
        )
        if changes.status in TERMINAL_STATUSES:
            forget(c, key)
    return [run_id for run_id, _, _ in found]


def forget(c: sqlite3.Connection, run: int) -> None:
    """Nobody speaks for a run that has ended."""
    c.execute("DELETE FROM lease WHERE run = ?", (run,))
