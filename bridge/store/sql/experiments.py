"""Experiments in SQL. Each function uses a connection of its caller, within a transaction of the caller."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from bridge.errors import AlreadyExists, InvalidState, NotFound
from bridge.records.experiment import ExperimentRecord, check_experiment_name
from bridge.records.limits import INT64_MAX
from bridge.store.sql.changes import note_experiment
from bridge.store.sql.statements import in_chunks

COLUMNS = "id, name, stage, creation_time, last_update_time, artifact_location"


def create(
    c: sqlite3.Connection,
    name: str,
    creation_time: int,
    artifact_location: str | None,
    tags: Mapping[str, str | None],
    experiment_id: int | None = None,
) -> int:
    """Create an experiment and return its id: `experiment_id`, or the next free id if it is None."""
    check_experiment_name(name)
    if find_id(c, name) is not None:
        raise AlreadyExists("experiment", name)
    if experiment_id is None:
        experiment_id = c.execute("SELECT coalesce(max(id), 0) + 1 FROM experiment WHERE id >= 0").fetchone()[0]
    c.execute(
        f"INSERT INTO experiment ({COLUMNS}) VALUES (?, ?, 'active', ?, ?, ?)",
        (experiment_id, name, creation_time, creation_time, artifact_location),
    )
    set_tags(c, experiment_id, tags)
    note_experiment(c, experiment_id)
    return int(experiment_id)


def find_id(c: sqlite3.Connection, name: str) -> int | None:
    """Return the id of the experiment with a name, or None."""
    row = c.execute("SELECT id FROM experiment WHERE name = ? AND id >= 0", (name,)).fetchone()
    return None if row is None else int(row[0])


def existing_id(c: sqlite3.Connection, experiment_id: str) -> int:
    """Return the id of an experiment as a number; raise NotFound if the experiment does not exist."""
    number = number_of(experiment_id)
    if number is None or c.execute("SELECT 1 FROM experiment WHERE id = ?", (number,)).fetchone() is None:
        raise NotFound("experiment", experiment_id)
    return number


def number_of(experiment_id: object) -> int | None:
    """Return an experiment id as a number. Return None if the value is not a valid id, for example "01" or "+1"."""
    if not isinstance(experiment_id, str) or not experiment_id.isascii() or not experiment_id.isdigit():
        return None
    number = int(experiment_id) if len(experiment_id) < 20 else INT64_MAX + 1
    return number if str(number) == experiment_id and number <= INT64_MAX else None


def active_id(c: sqlite3.Connection, experiment_id: str) -> int:
    """Return the id of an experiment as a number; raise an error if the experiment does not exist or is deleted."""
    number = existing_id(c, experiment_id)
    if stage_of(c, number) != "active":
        raise InvalidState("experiment", experiment_id, "deleted", "active")
    return number


def stage_of(c: sqlite3.Connection, experiment: int) -> str:
    """Return the lifecycle stage of an experiment that exists."""
    return str(c.execute("SELECT stage FROM experiment WHERE id = ?", (experiment,)).fetchone()[0])


def read(c: sqlite3.Connection, experiments: Sequence[int]) -> list[ExperimentRecord]:
    """Return the records of experiments, in the order of `experiments`. All of them must exist."""
    tags: dict[int, dict[str, str | None]] = {experiment: {} for experiment in experiments}
    rows = in_chunks(
        c, "SELECT experiment, key, value FROM experiment_tag WHERE experiment IN ({}) ORDER BY id", experiments
    )
    for experiment, key, value in rows:
        tags[experiment][key] = value
    found = {}
    for row in in_chunks(c, f"SELECT {COLUMNS} FROM experiment WHERE id IN ({{}})", experiments):
        number, name, stage, created, updated, location = row
        found[number] = ExperimentRecord(str(number), name, stage, created, updated, location, tags[number])
    return [found[experiment] for experiment in experiments]


def rename(c: sqlite3.Connection, experiment_id: str, name: str, time: int) -> None:
    """Give an active experiment another name."""
    check_experiment_name(name)
    number = active_id(c, experiment_id)
    if find_id(c, name) not in (None, number):
        raise AlreadyExists("experiment", name)
    c.execute("UPDATE experiment SET name = ?, last_update_time = ? WHERE id = ?", (name, time, number))
    note_experiment(c, number)


def set_tags(c: sqlite3.Connection, experiment: int, tags: Mapping[str, str | None]) -> None:
    """Set tags; other tags are unchanged."""
    c.executemany(
        "INSERT INTO experiment_tag (experiment, key, value) VALUES (?, ?, ?)"
        " ON CONFLICT (experiment, key) DO UPDATE SET value = excluded.value",
        [(experiment, key, value) for key, value in tags.items()],
    )


def remove_tags(c: sqlite3.Connection, experiment: int, keys: Iterable[str]) -> None:
    """Remove tags; raise NotFound for a tag that does not exist."""
    for key in keys:
        if not c.execute("DELETE FROM experiment_tag WHERE experiment = ? AND key = ?", (experiment, key)).rowcount:
            raise NotFound("tag", key, f"experiment {experiment} does not have it")


def set_stage(c: sqlite3.Connection, experiment_id: str, stage: str, time: int) -> None:
    """Move an experiment and all its runs to a lifecycle stage.

    Raise NotFound if the experiment does not exist or already has this stage.
    """
    number = existing_id(c, experiment_id)
    if stage_of(c, number) == stage:
        raise NotFound("experiment", experiment_id, f"it is already {stage}")
    change = note_experiment(c, number)
    c.execute("UPDATE experiment SET stage = ?, last_update_time = ? WHERE id = ?", (stage, time, number))
    c.execute(
        "UPDATE run SET stage = ?, deletion_time = ?, changed = ? WHERE experiment = ? AND stage != ?",
        (stage, time if stage == "deleted" else None, change, number, stage),
    )
