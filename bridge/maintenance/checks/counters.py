"""Checks the counters of keys, which have the next position, against the last positions of the points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bridge.maintenance.checks.series import Expected, Row, last_positions
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


def check_counters(
    c: Connection, runs: Sequence[int], rows: Sequence[Row], expected: Expected | None
) -> Iterator[Finding]:
    """Check the counters of runs. `rows` are all their series, and `expected` is what their points show."""
    lasts = last_positions(expected)
    present = set()
    for counter in map(Counter._make, in_chunks(c, READ, runs)):
        key = counter.run, counter.key or f"name {counter.name}"
        present.add(key)
        yield from _of_counter(counter, *lasts.get(key, (-1, not any((row.run, row.key) == key for row in rows))))
    subjects = {(row.run, row.key or f"name {row.name}"): row.run_id for row in rows}
    for run, name in sorted(lasts.keys() - present):
        problem = "The key has points, but no counter."
        yield found("counter.missing", f"run {subjects[run, name]}, {name!r}", problem, run, name)


def _of_counter(counter: Counter, last: int, whole: bool) -> Iterator[Finding]:
    if last < 0 and counter.points and whole:
        yield found("series.lost", counter.subject, f"The key had {counter.points} points, and has no series.")
    elif last + 1 > counter.points or (whole and last + 1 != counter.points):
        problem = f"The next position is {counter.points} instead of {last + 1}."
        yield found("counter.wrong", counter.subject, problem, counter.run, counter.name, last + 1)
    elif not 0 <= counter.stepless <= counter.points:
        problem = f"The next step is {counter.stepless}, but the key has {counter.points} points."
        yield found("counter.wrong", counter.subject, problem, counter.run, counter.name, last + 1)
