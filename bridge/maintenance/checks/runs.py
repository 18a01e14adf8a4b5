"""Checks everything that belongs to single runs: series, points, counters and labels, some runs at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

from bridge.maintenance.checks.counters import check_counters
from bridge.maintenance.checks.labels import check_labels
from bridge.maintenance.checks.series import Expected, Lasts, Row, add_last_positions, check_series, read_rows
from bridge.maintenance.examined import Examined
from bridge.maintenance.findings import Finding, found
from bridge.store.sql.connection import Connection
from bridge.store.sql.names import SERIES
from bridge.store.sql.purge import BIN
from bridge.store.sql.statements import in_chunks

RUNS_AT_ONCE, SERIES_AT_ONCE = 50, 2_000
"""The number of runs that one read transaction checks, and of series whose rows are in memory together."""

LATE_MILLISECONDS = 24 * 3_600_000
"""How far a time may be in the future. Clocks differ, and some programs log local times."""

SOME_RUNS = f"SELECT key FROM run WHERE key > ? AND experiment != {BIN} ORDER BY key LIMIT {RUNS_AT_ONCE}"
NAMES = "SELECT id, experiment, entity FROM name WHERE id IN ({})"
ALL_RUNS = f"SELECT count(*) FROM run WHERE experiment != {BIN}"


class Portion(NamedTuple):
    """The findings of some runs, and the key of the last of them; None if no run was left."""

    findings: list[Finding]
    runs: int
    last: int | None


def check_runs(examined: Examined) -> Iterator[Finding]:
    """Check all runs. Each portion is one read transaction, so that writers can reuse the write-ahead log."""
    (runs,) = examined.read(lambda c: c.execute(ALL_RUNS).fetchone())
    done, last = 0, 0
    while True:
        portion = examined.read(partial(_portion, after=last, latest=examined.now + LATE_MILLISECONDS))
        if portion.last is None:
            return
        yield from portion.findings
        done, last = done + portion.runs, portion.last
        examined.progress("runs", done, max(done, runs))


def _portion(c: Connection, after: int, latest: int) -> Portion:
    runs = [row[0] for row in c.execute(SOME_RUNS, (after,)).fetchall()]
    if not runs:
        return Portion([], 0, None)
    return Portion(list(check_some(c, runs, latest)), len(runs), runs[-1])


def check_some(c: Connection, runs: Sequence[int], latest: int) -> Iterator[Finding]:
    """Check runs, in the transaction of the caller.

    Args:
        c: the connection.
        runs: the keys of the runs.
        latest: the time in milliseconds since 1970 UTC after which a time is in the future.
    """
    lasts: Lasts = {}
    ids = [row[0] for row in in_chunks(c, "SELECT id FROM series WHERE run IN ({})", runs)]
    for start in range(0, len(ids), SERIES_AT_ONCE):
        rows = read_rows(c, ids[start : start + SERIES_AT_ONCE])
        findings, expected = check_series(c, rows)
        yield from findings
        yield from _names(c, rows)
        yield from _of_clocks(expected, latest)
        add_last_positions(lasts, rows, expected)
    yield from check_counters(c, runs, lasts)
    yield from check_labels(c, runs)


def _names(c: Connection, rows: Sequence[Row]) -> Iterator[Finding]:
    """Yield the series whose names do not exist, or are not those of series of the experiment."""
    by_name: dict[int, Row] = {row.name: row for row in rows}
    of_run = dict(in_chunks(c, "SELECT key, experiment FROM run WHERE key IN ({})", [*{row.run for row in rows}]))
    for row in by_name.values():
        if row.key is None:
            problem = "A series has a name that does not exist."
            text = "text" if row.is_text else "number"
            yield found("name.missing", row.subject, problem, "series", row.name, of_run[row.run], row.run, text)
    for id, experiment, entity in in_chunks(c, NAMES, list(by_name)):
        row = by_name[id]
        if entity != SERIES or experiment != of_run.get(row.run):
            yield found("name.wrong", row.subject, "Its name belongs to another experiment, or to a label.")


def _of_clocks(expected: Expected | None, latest: int) -> Iterator[Finding]:
    """Yield one finding for each run with points in the future."""
    if expected is None:
        return
    late: dict[str, int] = {}
    for row, time in zip(expected.rows, expected.greatest_timestamps.tolist(), strict=True):
        if time > latest:
            late[row.run_id] = max(time, late.get(row.run_id, 0))
    for run_id, time in late.items():
        hours = (time - latest + LATE_MILLISECONDS) // 3_600_000
        yield found("clock.future", f"run {run_id}", f"It has a point that is {hours} hours in the future.")
