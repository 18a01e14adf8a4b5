"""Checks the params, tags and properties of runs: their names, their order and their index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bridge.maintenance.findings import Finding, found
from bridge.store.sql.connection import Connection
from bridge.store.sql.labels import prefix_of
from bridge.store.sql.names import SERIES
from bridge.store.sql.statements import in_chunks

READ = (
    "SELECT l.run, r.id, r.experiment, r.labels, l.name, l.number, l.value, l.prefix, n.experiment, n.entity, n.key"
    " FROM label l LEFT JOIN run r ON r.key = l.run LEFT JOIN name n ON n.id = l.name WHERE l.run IN ({})"
)


class Label(NamedTuple):
    """A row of the table `label`, with its run and its name. The fields of the name are None if it is lost."""

    run: int
    run_id: str
    experiment: int
    next_number: int
    name: int
    number: int
    value: str | None
    prefix: str | None
    name_experiment: int | None
    entity: int | None
    key: str | None

    @property
    def subject(self) -> str:
        """A text that names the label in findings."""
        return f"run {self.run_id}, " + (f"name {self.name}" if self.key is None else f"label {self.key!r}")


def check_labels(c: Connection, runs: Sequence[int]) -> Iterator[Finding]:
    """Check all labels of runs."""
    numbers: dict[int, set[int]] = {}
    reported: set[int] = set()
    for label in map(Label._make, in_chunks(c, READ, runs)):
        yield from _of_label(label)
        own = numbers.setdefault(label.run, set())
        if (label.number in own or label.number >= label.next_number) and label.run not in reported:
            reported.add(label.run)
            problem = f"The label with the number {label.number} is not the only one, or the next number is too small."
            yield found("label.number", f"run {label.run_id}", problem, label.run)
        own.add(label.number)


def _of_label(label: Label) -> Iterator[Finding]:
    if label.entity is None:
        problem = "A param, tag or property has a name that does not exist."
        yield found("name.missing", label.subject, problem, "label", label.name, label.experiment, label.run)
    elif label.entity == SERIES or label.name_experiment != label.experiment:
        yield found("name.wrong", label.subject, "Its name belongs to another experiment, or to a metric.")
    if label.prefix != (None if label.value is None else prefix_of(label.value)):
        yield found("label.prefix", label.subject, "The index has another value.", label.run, label.name)
