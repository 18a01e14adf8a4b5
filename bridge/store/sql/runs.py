"""Runs in SQL. Each function uses a connection of its caller, within a transaction of the caller.

The key of a run is its integer primary key in the database.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bridge.errors import AlreadyExists, InvalidState, NotFound
from bridge.records.run import (
    TERMINAL_STATUSES,
    Dataset,
    DatasetInput,
    Lease,
    ModelOutput,
    RunChanges,
    RunRecord,
    changed_facts,
    check_expected,
    check_new_run_id,
    check_run_id,
)
from bridge.records.times import stored_time
from bridge.store.leases import Sign, signs_of_leases
from bridge.store.sql import experiments
from bridge.store.sql.changes import next_change, note_runs
from bridge.store.sql.connection import Connection
from bridge.store.sql.counted import counted
from bridge.store.sql.labels import Labelled, change_labels, count_labels, insert_labels, read_labels
from bridge.store.sql.latest import read_latest
from bridge.store.sql.statements import AT_ONCE, chunks, in_chunks, insert, marks_for

ROW_BYTES = 200
"""The memory of a row that belongs to a run, without its texts."""

COLUMNS = (
    "id", "experiment", "display_name", "number", "status", "stage", "start_time", "end_time", "deletion_time",
    "description", '"user"', "parent_id", "error", "type", "definition",
)  # fmt: skip
FIELDS = (
    "id", "experiment_id", "display_name", "number", "status", "lifecycle_stage", "start_time", "end_time",
    "deletion_time", "description", "user", "parent_id", "error", "type", "definition",
)  # fmt: skip
TIMES = ("start_time", "end_time", "deletion_time")
CONTEXT_TAG = "mlflow.data.context"


def create(c: Connection, records: Sequence[RunRecord], leases: Sequence[Lease] = ()) -> list[int]:
    """Create runs and return their keys. If the run of a record already exists, return the key of the existing run."""
    active: dict[str, int] = {}
    for record in records:
        check_run_id(record.id)
        if record.experiment_id not in active:
            active[record.experiment_id] = experiments.active_id(c, record.experiment_id)
    there = _starts(c, [record.id for record in records])
    new: dict[str, RunRecord] = {}
    for record in records:
        start = active[record.experiment_id], record.start_time
        if record.id not in there:
            check_new_run_id(record.id)
            there[record.id] = start
            new[record.id] = record
        elif there[record.id] != start:
            raise AlreadyExists("run", record.id)
    if new:
        _insert_runs(c, [(active[record.experiment_id], record) for record in new.values()])
    keys = keys_of(c, [record.id for record in records])
    insert_labels(c, [(keys[record.id], active[record.experiment_id], record) for record in new.values()])
    for record in new.values():
        _add_inputs(c, keys[record.id], active[record.experiment_id], record)
    held = [(keys[lease.run_id], lease.journal_id, lease.time) for lease in leases if lease.run_id in new]
    insert(c, "lease", ("run", "journal_id", "time"), held)
    store_signs_of_life(c, signs_of_leases(lease for lease in leases if lease.run_id in new))
    return [keys[record.id] for record in records]


def store_signs_of_life(c: sqlite3.Connection, signs: Mapping[str, Sign]) -> None:
    """Store the signs of life of processes that own runs, by journal id."""
    newer = (
        "ON CONFLICT (journal_id) DO UPDATE SET boot_time = max(boot_time, excluded.boot_time),"
        " delivered = coalesce(nullif(excluded.delivered, 0), delivered)"
        " WHERE excluded.boot_time > boot_time OR excluded.delivered > 0"
    )
    rows = [(journal_id, *sign) for journal_id, sign in signs.items()]
    insert(c, "sign_of_life", ("journal_id", "boot_time", "delivered"), rows, newer)


def _starts(c: sqlite3.Connection, run_ids: Sequence[str]) -> dict[str, tuple[int, int | None]]:
    """Return the experiment and the start time of each run that exists, by run id."""
    rows = in_chunks(c, "SELECT id, experiment, start_time FROM run WHERE id IN ({})", run_ids)
    return {run_id: (experiment, start_time) for run_id, experiment, start_time in rows}


def _insert_runs(c: sqlite3.Connection, runs: Sequence[tuple[int, RunRecord]]) -> None:
    """Create runs of experiments, numbered in the order given."""
    numbers = {}
    for experiment, count in Counter(experiment for experiment, _ in runs).items():
        c.execute("UPDATE experiment SET runs = runs + ? WHERE id = ?", (count, experiment))
        row = c.execute("SELECT runs FROM experiment WHERE id = ?", (experiment,)).fetchone()
        numbers[experiment] = itertools.count(row[0] - count + 1)
    change = next_change(c)
    insert(
        c, "run", (*COLUMNS, "changed", "created", "labels"),
        [
            (
                record.id, experiment, record.display_name, next(numbers[experiment]), record.status, "active",
                record.start_time, record.end_time, None, record.description, record.user, record.parent_id,
                record.error, record.type, record.definition, change, change,
                count_labels(record),
            )
            for experiment, record in runs
        ],
    )  # fmt: skip


def keys_of(c: sqlite3.Connection, run_ids: Sequence[str]) -> dict[str, int]:
    """Return the integer keys of the runs that exist, by run id, in the order of `run_ids`."""
    found = dict(in_chunks(c, "SELECT id, key FROM run WHERE id IN ({})", run_ids))
    return {run_id: found[run_id] for run_id in run_ids if run_id in found}


def places_of(c: sqlite3.Connection, run_ids: Sequence[str]) -> dict[str, tuple[int, int, bool]]:
    """Return the integer key, the experiment, and whether it has ended, of each run that exists, by run id."""
    rows = in_chunks(c, "SELECT id, key, experiment, status FROM run WHERE id IN ({})", run_ids)
    return {run_id: (key, experiment, status in TERMINAL_STATUSES) for run_id, key, experiment, status in rows}


def active_ids(c: sqlite3.Connection, run_ids: Sequence[str]) -> set[str]:
    """Return the ids of the runs that exist and are active."""
    rows = in_chunks(c, "SELECT id FROM run WHERE stage = 'active' AND id IN ({})", run_ids)
    return {row[0] for row in rows}


def active_key(c: sqlite3.Connection, run_id: str) -> int:
    """Return the integer key of a run; raise an error if the run does not exist or is deleted."""
    row = c.execute("SELECT key, stage FROM run WHERE id = ?", (run_id,)).fetchone()
    if row is None:
        raise NotFound("run", run_id)
    if row[1] != "active":
        raise InvalidState("run", run_id, "deleted", "active")
    return int(row[0])


def update(c: Connection, run_id: str, changes: RunChanges) -> int:
    """Change an active run, and return its key. If this raises, the caller must roll back the transaction."""
    key = active_key(c, run_id)
    status, experiment = c.execute("SELECT status, experiment FROM run WHERE key = ?", (key,)).fetchone()
    if changes.expected:
        check_expected(run_id, status, changes)
    columns = changed_facts(changes)
    if changes.status in TERMINAL_STATUSES:
        c.execute("DELETE FROM lease WHERE run = ?", (key,))
    if columns:
        settings = ", ".join(f"{name} = ?" for name in columns)
        c.execute(f"UPDATE run SET {settings} WHERE key = ?", (*columns.values(), key))
    change_labels(c, Labelled(key, experiment, run_id), changes)
    _add_inputs(c, key, experiment, changes)
    add_warnings(c, key, changes.warnings)
    return key


def _add_inputs(c: sqlite3.Connection, key: int, experiment: int, changes: RunChanges | RunRecord) -> None:
    for dataset_input in changes.dataset_inputs:
        _add_dataset(c, key, experiment, dataset_input)
    c.executemany(
        "INSERT INTO model_input (run, model_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
        [(key, model_id) for model_id in changes.model_inputs],
    )
    c.executemany(
        "INSERT INTO model_output (run, model_id, step) SELECT ?, ?, ? WHERE NOT EXISTS"
        " (SELECT 1 FROM model_output WHERE run = ? AND model_id = ? AND step = ?)",
        [(key, output.model_id, output.step) * 2 for output in changes.model_outputs],
    )


def _add_dataset(c: sqlite3.Connection, key: int, experiment: int, dataset_input: DatasetInput) -> None:
    import json

    d, tags = dataset_input.dataset, dict(dataset_input.tags)
    c.execute(
        "INSERT INTO dataset (experiment, name, digest, source_type, source, schema, profile)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (experiment, d.name, d.digest, d.source_type, d.source, d.schema, d.profile),
    )
    row = c.execute(
        "SELECT id FROM dataset WHERE experiment = ? AND name = ? AND digest = ?", (experiment, d.name, d.digest)
    ).fetchone()
    c.execute(
        "INSERT INTO dataset_input (run, dataset, tags, context) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (key, row[0], json.dumps(tags), tags.get(CONTEXT_TAG)),
    )


def add_warnings(c: sqlite3.Connection, key: int, sentences: Iterable[str]) -> None:
    """Store warnings of a run. A warning that is already stored is not stored again."""
    c.executemany(
        "INSERT INTO warning (run, sentence) VALUES (?, ?) ON CONFLICT DO NOTHING",
        [(key, sentence) for sentence in sentences],
    )


def set_stage(c: sqlite3.Connection, run_ids: Sequence[str], stage: str, time: int | None) -> None:
    """Move runs to a lifecycle stage. Runs that already have this stage are unchanged."""
    keys = keys_of(c, run_ids)
    missing = [run_id for run_id in run_ids if run_id not in keys]
    if missing:
        raise NotFound("run", ", ".join(missing))
    for some in chunks(list(keys.values())):
        c.execute(
            f"UPDATE run SET stage = ?, deletion_time = ? WHERE stage != ? AND key IN ({marks_for(some)})",
            (stage, time, stage, *some),
        )
    note_runs(c, list(keys.values()))


def read(c: Connection, keys: Sequence[int], with_latest: bool = True) -> list[RunRecord]:
    """Return the records of runs, in the order of `keys`. All runs must exist."""
    records: list[RunRecord] = []
    for start in range(0, len(keys), AT_ONCE):
        records += _read_some(c, keys[start : start + AT_ONCE], with_latest)
    return records


def _bytes_of(row: Sequence[Any]) -> int:
    """Return about how many bytes the result of a row takes."""
    return ROW_BYTES + sum(len(value) for value in row if isinstance(value, str))


def _read_some(c: Connection, keys: Sequence[int], with_latest: bool) -> list[RunRecord]:
    marks = marks_for(keys)

    def grouped(sql: str) -> dict[int, list[Any]]:
        rows: dict[int, list[Any]] = defaultdict(list)
        for run, *rest in counted(c, sql.format(marks), keys, _bytes_of):
            rows[run].append(rest)
        return rows

    labels = read_labels(c, keys)
    warnings = grouped("SELECT run, sentence FROM warning WHERE run IN ({}) ORDER BY id")
    model_inputs = grouped("SELECT run, model_id FROM model_input WHERE run IN ({}) ORDER BY id")
    model_outputs = grouped("SELECT run, model_id, step FROM model_output WHERE run IN ({}) ORDER BY id")
    datasets = grouped(
        "SELECT i.run, d.name, d.digest, d.source_type, d.source, d.schema, d.profile, i.tags"
        " FROM dataset_input i JOIN dataset d ON d.id = i.dataset WHERE i.run IN ({}) ORDER BY i.id"
    )
    latest = read_latest(c, keys if with_latest else [])
    rows = {
        row[0]: _fields(row[1:])
        for row in counted(c, f"SELECT key, {', '.join(COLUMNS)} FROM run WHERE key IN ({marks})", keys, _bytes_of)
    }
    return [
        RunRecord(
            **rows[key],
            params=labels[key].params,
            tags=labels[key].tags,
            properties=labels[key].properties,
            latest=latest[key].numbers,
            latest_texts=latest[key].texts,
            latest_columns=latest[key].columns,
            dataset_inputs=tuple([_dataset_input(row) for row in datasets.get(key, ())]),
            model_inputs=tuple([row[0] for row in model_inputs.get(key, ())]),
            model_outputs=tuple([ModelOutput(*row) for row in model_outputs.get(key, ())]),
            warnings=tuple([row[0] for row in warnings.get(key, ())]),
        )
        for key in keys
    ]


def _fields(row: Sequence[Any]) -> dict[str, Any]:
    """Return the fields of a `RunRecord` that the columns of a run contain."""
    fields = dict(zip(FIELDS, row, strict=True))
    fields["experiment_id"] = str(fields["experiment_id"])
    for name in TIMES:
        fields[name] = stored_time(fields[name])
    return fields


def _dataset_input(row: Sequence[Any]) -> DatasetInput:
    import json  # imported here, because a process that only logs does not need this module

    *dataset, tags = row
    return DatasetInput(Dataset(*dataset), json.loads(tags))


def search_datasets(c: sqlite3.Connection, experiment_ids: Sequence[str]) -> list[tuple[str, str, str, str | None]]:
    """Return the distinct data sets that runs of experiments used, with the contexts in which they were used."""
    known = {number for number in map(experiments.number_of, experiment_ids) if number is not None}
    # The ids are written into the statement, because SQLite limits the number of question marks.
    rows = c.execute(
        "SELECT DISTINCT d.experiment, d.name, d.digest, u.context FROM dataset d JOIN"
        " (SELECT dataset, context FROM dataset_input UNION ALL SELECT dataset, context FROM past_use) u"
        f" ON u.dataset = d.id WHERE d.experiment IN ({', '.join(map(str, sorted(known)))}) ORDER BY 1, 2, 3, 4"
    ).fetchall()
    return [(str(row[0]), *row[1:]) for row in rows]
