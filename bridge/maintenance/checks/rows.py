"""Checks the rows that belong to no single run: references between tables, experiments, and the counter of changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, get_args

from bridge.maintenance.examined import Examined
from bridge.maintenance.findings import Finding, found
from bridge.records.run import Status
from bridge.store.sql.connection import Connection
from bridge.store.sql.purge import BIN

MOST_EACH = 1_000
"""The greatest number of findings of one kind. A repair looks for more after it has repaired these."""


class Reference(NamedTuple):
    """A column whose values must be those of another table's column."""

    table: str
    column: str
    parent: str
    key: str


REFERENCES = (
    *(
        Reference(table, "run", "run", "key")
        for table in (
            "label", "counter", "series", "warning", "dataset_input", "model_input", "model_output", "lease",
            "waiting", "unsealed",
        )
    ),
    Reference("point_block", "series", "series", "id"),
    Reference("chunk", "series", "series", "id"),
    Reference("dataset_input", "dataset", "dataset", "id"),
    Reference("past_use", "dataset", "dataset", "id"),
    Reference("dataset", "experiment", "experiment", "id"),
    Reference("experiment_tag", "experiment", "experiment", "id"),
)  # fmt: skip
ORPHANS = (
    "SELECT t.{column}, count(*) FROM {table} t"
    " WHERE NOT EXISTS (SELECT 1 FROM {parent} p WHERE p.{key} = t.{column}) GROUP BY 1 ORDER BY 1 LIMIT ?"
)
STATUSES = get_args(Status)
GREATEST_CHANGE = (
    "SELECT max(coalesce((SELECT max(changed) FROM run), 0), coalesce((SELECT max(created) FROM run), 0),"
    " coalesce((SELECT max(files) FROM run), 0), coalesce((SELECT max(changed) FROM experiment), 0),"
    " coalesce((SELECT max(changed) FROM removal), 0))"
)


def check_rows(examined: Examined) -> list[Finding]:
    """Check the rows that belong to no single run."""
    return examined.read(lambda c: [*_orphans(c), *_experiments(c), *_runs(c), *_changes(c)])


def _orphans(c: Connection) -> Iterator[Finding]:
    for reference in REFERENCES:
        for value, count in c.execute(ORPHANS.format(**reference._asdict()), (MOST_EACH,)).fetchall():
            problem = f"{count} rows refer to the {reference.parent} with the key {value}, which does not exist."
            yield found("row.orphan", f"table {reference.table}", problem, reference, value)


def _experiments(c: Connection) -> Iterator[Finding]:
    lost = (
        "SELECT r.experiment, count(*) FROM run r LEFT JOIN experiment e ON e.id = r.experiment"
        " WHERE e.id IS NULL GROUP BY 1 LIMIT ?"
    )
    for id, runs in c.execute(lost, (MOST_EACH,)).fetchall():
        yield found("experiment.missing", f"experiment {id}", f"It does not exist, but has {runs} runs.", id)
    behind = (
        "SELECT e.id, e.runs, max(r.number) FROM experiment e JOIN run r ON r.experiment = e.id"
        f" WHERE e.id != {BIN} GROUP BY e.id HAVING max(r.number) > e.runs LIMIT ?"
    )
    for id, counter, number in c.execute(behind, (MOST_EACH,)).fetchall():
        problem = f"The greatest number of a run is {number}, but the experiment counts {counter}."
        yield found("experiment.counter", f"experiment {id}", problem, id, number)


def _runs(c: Connection) -> Iterator[Finding]:
    marks = ",".join("?" * len(STATUSES))
    wrong = f"SELECT id, status FROM run WHERE status NOT IN ({marks}) AND experiment != {BIN} LIMIT ?"
    for id, status in c.execute(wrong, (*STATUSES, MOST_EACH)).fetchall():
        yield found("run.status", f"run {id}", f"Its status {status!r} does not exist.")
    (hidden,) = c.execute(f"SELECT count(*) FROM run WHERE experiment = {BIN}").fetchone()
    if hidden:
        yield found("run.hidden", "workspace.db", f"{hidden} runs are deleted, but their rows still exist.", hidden)


def _changes(c: Connection) -> Iterator[Finding]:
    (newest,) = c.execute(GREATEST_CHANGE).fetchone()
    (counter,) = c.execute("SELECT (SELECT value FROM change)").fetchone()
    if counter is None or newest > counter:
        problem = f"The counter of changes is {counter}, but the newest change has the number {newest}."
        yield found("change.behind", "workspace.db", problem, newest)
