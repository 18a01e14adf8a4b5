"""Leases in SQL. Each function uses a connection of its caller, within a transaction of the caller.

A lease states which process owns a run, that is, which process must end the run. The owner writes lease records to its
journal. The table of leases contains the id of this journal.
A released lease is not removed from the table. Its row has an empty journal id, and the time at which the lease was
last taken or renewed. Lease records with earlier times are out of date.
A run is also ended by another process if its owner seems to have ended. Its lease is then released in the same way. If
a later lease record shows that the owner has not ended, the run is Running again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence

from bridge.records.run import (
    CLAIMABLE_STATUSES,
    SCRIPT_RUN,
    TERMINAL_STATUSES,
    Lease,
    RunChanges,
    check_claimable,
)
from bridge.records.times import stored_time
from bridge.store.leases import (
    lease_after,
    lease_records,
    never_started,
    signs_of_leases,
    signs_of_life,
    status_after,
    unclaimed_since,
    verdict,
)
from bridge.store.slices import Slice
from bridge.store.sql.changes import note_runs
from bridge.store.sql.runs import active_key, store_signs_of_life
from bridge.store.sql.statements import in_chunks, insert

REPLACED = "ON CONFLICT (run) DO UPDATE SET journal_id = excluded.journal_id, time = excluded.time"


def store(c: sqlite3.Connection, slices: Sequence[Slice]) -> None:
    """Store the lease records of slices. Ignore those of runs that do not exist or have ended, with one exception.

    Exception: if another process ended the run because the owner seemed to have ended, a later lease record is stored,
    and the run is Running again.
    """
    arrived = lease_records(slices)
    rows = in_chunks(
        c,
        "SELECT r.id, r.key, r.status, r.error, l.journal_id, l.time FROM run r LEFT JOIN lease l ON l.run = r.key"
        " WHERE r.id IN ({})",
        list(arrived),
    )
    changed, with_other_status = [], []
    for run_id, key, status, error, journal_id, time in list(rows):
        before = None if time is None else Lease(run_id, journal_id, time)
        after = lease_after(before, arrived[run_id])
        if after is None or after == before:
            continue
        status_then = status_after(before, after, status, error)
        if status_then is None:
            continue
        changed.append((key, after.journal_id, after.time))
        if status in TERMINAL_STATUSES or status_then != status:
            with_other_status.append(key)
        if status in TERMINAL_STATUSES:
            c.execute("UPDATE run SET end_time = NULL, error = NULL WHERE key = ?", (key,))
        if status_then != status:
            c.execute("UPDATE run SET status = ? WHERE key = ?", (status_then, key))
    insert(c, "lease", ("run", "journal_id", "time"), changed, REPLACED)
    note_runs(c, with_other_status)
    _store_signs(c, slices)


def _store_signs(c: sqlite3.Connection, slices: Sequence[Slice]) -> None:
    """Store when each process that owns runs last wrote to its journal."""
    leased, others = signs_of_life(slices)
    store_signs_of_life(c, leased)
    c.executemany(
        "UPDATE sign_of_life SET boot_time = max(boot_time, ?), delivered = coalesce(nullif(?, 0), delivered)"
        " WHERE journal_id = ? AND (boot_time < ? OR ? > 0)",
        [(*sign, journal_id, *sign) for journal_id, sign in others.items()],
    )


def read(c: sqlite3.Connection) -> list[Lease]:
    """Return the leases that are held, in the order of their runs."""
    rows = c.execute(
        "SELECT r.id, l.journal_id, l.time, coalesce(s.boot_time, 0), coalesce(s.delivered, 0)"
        " FROM lease l JOIN run r ON r.key = l.run LEFT JOIN sign_of_life s ON s.journal_id = l.journal_id"
        " WHERE l.journal_id != '' ORDER BY l.run"
    ).fetchall()
    return [Lease(*row) for row in rows]


def verdicts(
    c: sqlite3.Connection, gone: Mapping[str, int], silent: Collection[str]
) -> list[tuple[str, int, RunChanges]]:
    """Return the changes to runs whose owner has ended or has not written for a long time.

    `gone` and `silent` are the journals of these owners. The changes are tuples (run id, integer key of the run,
    changes).
    """
    rows = c.execute(
        "SELECT r.id, r.key, r.status, r.start_time, l.journal_id, l.time FROM lease l JOIN run r ON r.key = l.run"
        " WHERE l.journal_id != '' ORDER BY l.run"
    ).fetchall()
    found = []
    for run_id, key, status, start_time, journal_id, time in rows:
        changes = verdict(Lease(run_id, journal_id, time), status, gone, silent, stored_time(start_time))
        if changes is not None:
            found.append((run_id, key, changes))
    return found


def end(c: sqlite3.Connection, gone: Mapping[str, int], silent: Collection[str]) -> list[str]:
    """End runs whose owner has ended, and set runs to NotResponding if their owner has not written for a long time.

    `gone` and `silent` are the journals of these owners. Return the ids of the changed runs.
    """
    found = verdicts(c, gone, silent)
    for _, key, changes in found:
        c.execute(
            "UPDATE run SET status = ?, end_time = coalesce(?, end_time), error = coalesce(?, error) WHERE key = ?",
            (changes.status, changes.end_time, changes.error, key),
        )
        if changes.status in TERMINAL_STATUSES:
            c.execute("UPDATE lease SET journal_id = '' WHERE run = ?", (key,))
    note_runs(c, [key for _, key, _ in found])
    c.executemany("DELETE FROM sign_of_life WHERE journal_id = ?", [(journal_id,) for journal_id in gone])
    return [run_id for run_id, _, _ in found]


# Runs that wait for a launcher

UNCLAIMED = (
    "SELECT r.id, r.key FROM run r LEFT JOIN lease l ON l.run = r.key"
    f" WHERE r.type = '{SCRIPT_RUN}' AND r.status IN {CLAIMABLE_STATUSES} AND r.end_time IS NULL"
    " AND r.stage = 'active' AND coalesce(l.journal_id, '') = '' AND max(r.start_time, coalesce(l.time, 0)) < ?"
    " ORDER BY r.key"
)


def claim(c: sqlite3.Connection, run_id: str, lease: Lease) -> None:
    """Set the status of a run to Preparing, and store the lease of its launcher. The run must wait for a launcher."""
    key = active_key(c, run_id)
    type, status, end_time = c.execute("SELECT type, status, end_time FROM run WHERE key = ?", (key,)).fetchone()
    check_claimable(run_id, type, status, end_time)
    c.execute("UPDATE run SET status = 'Preparing' WHERE key = ?", (key,))
    note_runs(c, [key])
    row = c.execute("SELECT time FROM lease WHERE run = ?", (key,)).fetchone()
    # The new lease must have a later time than the former one, even if the clock of this process is behind.
    time = lease.time if row is None else max(lease.time, row[0] + 1)
    insert(c, "lease", ("run", "journal_id", "time"), [(key, lease.journal_id, time)], REPLACED)
    store_signs_of_life(c, signs_of_leases([lease]))


def unclaimed(c: sqlite3.Connection, now: int) -> list[tuple[str, int]]:
    """Return the runs that have no owner and have waited for a launcher for too long, as tuples (id, integer key)."""
    return [(run_id, key) for run_id, key in c.execute(UNCLAIMED, (unclaimed_since(now),)).fetchall()]


def end_unclaimed(c: sqlite3.Connection, now: int) -> list[str]:
    """End the runs that `unclaimed` finds. Return their ids."""
    found, changes = unclaimed(c, now), never_started(now)
    for _, key in found:
        c.execute(
            "UPDATE run SET status = ?, end_time = ?, error = ? WHERE key = ?",
            (changes.status, changes.end_time, changes.error, key),
        )
    note_runs(c, [key for _, key in found])
    return [run_id for run_id, _ in found]
