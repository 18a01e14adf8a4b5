"""Checks the counters of keys, which have the next position, against the last positions of the points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bridge.maintenance.checks.series import Lasts
from bridge.maintenance.findings import Finding, found
from bridge.store.sql.connection import Connection
from bridge.store.sql.statements import in_chunks

READ = (
    "SELECT k.run, r.id, k.name, n.key, k.points, k.stepless FROM counter k LEFT JOIN run r ON r.key = k.run"
    " LEFT JOIN name n ON n.id = k.name WHERE k.run IN ({})"
)


class Counter(NamedTuple):
    """A row of the table `counter`, with its run and its key. `key` is None if the name is lost."""

    run: int
    run_id: str
    name: int
    key: str | None
    points: int
    stepless: int

    @property
    def subject(self) -> str:
        """A text that names the counter in findings."""
        return f"run {self.run_id}, " + (f"name {self.name}" if self.key is None else repr(self.key))


def check_counters(c: Connection, runs: Sequence[int], lasts: Lasts) -> Iterator[Finding]:
    """Check the counters of runs. `lasts` has the last positions of all their keys."""
    missing = dict(lasts)
    for counter in map(Counter._make, in_chunks(c, READ, runs)):
        key = counter.run, counter.key or f"name {counter.name}"
        missing.pop(key, None)
        yield from _of_counter(counter, *lasts.get(key, (-1, True)))
    run_ids = dict(in_chunks(c, "SELECT key, id FROM run WHERE key IN ({})", list({run for run, _ in missing})))
    for run, name in missing:
        problem = "The key has points, but no counter."
        yield found("counter.missing", f"run {run_ids.get(run)}, {name!r}", problem, run, name)


def _of_counter(counter: Counter, last: int, whole: bool) -> Iterator[Finding]:
    if last < 0 and counter.points and whole:
        yield found("series.lost", counter.subject, f"The key had {counter.points} points, and has no series.")
    elif last + 1 > counter.points or (whole and last + 1 != counter.points):
        problem = f"The next position is {counter.points} instead of {last + 1}."
        yield found("counter.wrong", counter.subject, problem, counter.run, counter.name, last + 1)
    elif not 0 <= counter.stepless <= counter.points:
        problem = f"The next step is {counter.stepless}, but the key has {counter.points} points."
        yield found("counter.wrong", counter.subject, problem, counter.run, counter.name, last + 1)
