"""The counter of changes in SQL. A reader asks what has changed since a value of this counter.

A write transaction raises the counter and stores the new value with the rows that it changes. Transactions that write
follow each other, so a reader that knows a value has seen all changes up to this value.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence

from bridge.store.sql.statements import chunks, insert, marks_for

MOST_REMOVALS = 10_000
"""The number of removed runs and experiments that stay listed."""


RAISE = "UPDATE change SET value = value + 1"


def read(c: sqlite3.Connection) -> int:
    """Return the value of the counter."""
    return int(c.execute("SELECT value FROM change").fetchone()[0])


def next_change(c: sqlite3.Connection) -> int:
    """Raise the counter, and return its new value."""
    c.execute(RAISE)
    return read(c)


def note_runs(c: sqlite3.Connection, runs: Collection[int]) -> None:
    """Record that runs have changed. `runs` are the integer keys of the runs."""
    if runs:
        c.execute(RAISE)
        for some in chunks(list(runs)):
            c.execute(f"UPDATE run SET changed = (SELECT value FROM change) WHERE key IN ({marks_for(some)})", some)


def note_experiment(c: sqlite3.Connection, experiment: int) -> int:
    """Record that an experiment has changed. Return the value of the counter."""
    change = next_change(c)
    c.execute("UPDATE experiment SET changed = ? WHERE id = ?", (change, experiment))
    return change


def note_files(c: sqlite3.Connection, root: str) -> None:
    """Record that files of an artifact root were changed or removed. Only the roots of runs are recorded."""
    experiment, _, rest = root.partition("/")
    c.execute(RAISE)
    c.execute(
        "UPDATE run SET (changed, files) = (SELECT value, value FROM change)"
        " WHERE id = ? AND CAST(experiment AS TEXT) = ?",
        (rest.partition("/")[0], experiment),
    )


def note_removals(c: sqlite3.Connection, removed: Iterable[tuple[int, str]]) -> None:
    """Record that runs were purged, or experiments.

    Args:
        c: the connection.
        removed: pairs of an experiment and a run id. For a removed experiment, the run id is empty.
    """
    change = next_change(c)
    rows: Sequence[tuple[int, int, str]] = [(change, *one) for one in removed]
    insert(c, "removal", ("changed", "experiment", "run_id"), rows)
    c.execute("DELETE FROM removal WHERE id <= (SELECT max(id) FROM removal) - ?", (MOST_REMOVALS,))
