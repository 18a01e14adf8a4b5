"""Databases for the tests of searches. Rows are inserted with plain SQL."""

from __future__ import annotations

import itertools
import json
import math
import sqlite3
import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import bridge.store.sql
from bridge.records.run import RunRecord
from bridge.records.search import RunQuery
from bridge.records.series import Latest
from bridge.store.sql.connection import Name
from bridge.store.sql.labels import prefix_of
from bridge.store.sql.latest import bits_of
from bridge.store.sql.names import PARAM, PROPERTY, SERIES, TAG, label_name
from bridge.store.sql.search.limits import LIMITS, Limits
from bridge.store.sql.search.runs import answer_of
from bridge.testing.oracle.search import DATASET_CONTEXT, select_runs

SERIES_IDS = itertools.count(1)
MIGRATIONS = sorted((Path(bridge.store.sql.__file__).parent / "migrations").glob("*.sql"))


def insert(connection: sqlite3.Connection, table: str, **columns: object) -> int:
    names = ", ".join(f'"{name}"' for name in columns)
    marks = ", ".join("?" * len(columns))
    row = connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(columns.values()))
    assert row.lastrowid is not None
    return row.lastrowid


def insert_run(connection: sqlite3.Connection, record: RunRecord) -> int:
    run = insert(
        connection, "run", id=record.id, experiment=int(record.experiment_id), number=1, status=record.status,
        display_name=record.display_name, stage=record.lifecycle_stage, start_time=record.start_time,
        end_time=record.end_time, deletion_time=record.deletion_time, description=record.description, user=record.user,
        parent_id=record.parent_id, type=record.type,
    )  # fmt: skip
    experiment = int(record.experiment_id)
    for entity, labels in (PARAM, record.params), (TAG, record.tags), (PROPERTY, record.properties):
        for number, (key, value) in enumerate(labels.items()):
            name = name_id(connection, label_name(experiment, entity, key))
            prefix = None if value is None else prefix_of(value)
            insert(connection, "label", run=run, name=name, number=number, value=value, prefix=prefix)
    for key in sorted(set(record.latest) | set(record.latest_texts) | {key for key, _ in record.latest_columns}):
        insert_metric(connection, run, key, record)
    for (key, column), latest in record.latest_columns.items():
        insert_number(connection, latest, run, (experiment, SERIES, key, 1, column, "number"))
    for used in record.dataset_inputs:
        found = connection.execute(
            "SELECT id FROM dataset WHERE experiment = ? AND name = ? AND digest = ?",
            (record.experiment_id, used.dataset.name, used.dataset.digest),
        ).fetchone()
        dataset = found[0] if found else insert(
            connection, "dataset", experiment=int(record.experiment_id), name=used.dataset.name,
            digest=used.dataset.digest, source_type="local", source="x",
        )  # fmt: skip
        context = used.tags.get(DATASET_CONTEXT)
        insert(connection, "dataset_input", run=run, dataset=dataset, tags=json.dumps(used.tags), context=context)
    return run


def name_id(connection: sqlite3.Connection, name: Name) -> int:
    where = 'experiment = ? AND entity = ? AND key = ? AND kind = ? AND "column" = ? AND value_type = ?'
    found = connection.execute(f"SELECT id FROM name WHERE {where}", name).fetchone()
    if found is not None:
        return int(found[0])
    columns = ("experiment", "entity", "key", "kind", "column", "value_type")
    return insert(connection, "name", **dict(zip(columns, name, strict=True)))


def insert_metric(connection: sqlite3.Connection, run: int, key: str, record: RunRecord) -> None:
    experiment = int(record.experiment_id)
    # A column's name differs from its key. Columns of texts, images and descriptions are not metrics.
    insert_number(connection, Latest(1.0, 9, 9), run, (experiment, SERIES, key, 1, "other", "number"))
    for kind, column in ((1, "b"), (2, ""), (7, "")):
        insert_text(connection, '"5"', run, (experiment, SERIES, key, kind, column, "text"))
    if key in record.latest:
        insert_number(connection, record.latest[key], run, (experiment, SERIES, key, 0, "", "number"))
    if key in record.latest_texts:
        text = json.dumps(record.latest_texts[key])
        insert_text(connection, text, run, (experiment, SERIES, key, 0, "", "text"))


def insert_text(connection: sqlite3.Connection, text: str, run: int, name: Name) -> None:
    insert(
        connection, "series", id=next(SERIES_IDS), run=run, name=name_id(connection, name), all_ints=0,
        latest_text=text, prefix=prefix_of(text), latest_timestamp=0, latest_step=0,
    )  # fmt: skip


def insert_number(connection: sqlite3.Connection, latest: Latest, run: int, name: Name) -> None:
    (bits,) = struct.unpack("<q", struct.pack("<d", latest.value))
    value, bits = bits_of(latest.value, bits)
    indexed = math.inf if value is None else value
    insert(
        connection, "series", id=next(SERIES_IDS), run=run, name=name_id(connection, name), all_ints=0,
        latest_bits=bits, latest_value=value, indexed=indexed, latest_timestamp=latest.timestamp,
        latest_step=latest.step,
    )  # fmt: skip


@cache
def empty_database() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    for migration in MIGRATIONS:
        connection.executescript(migration.read_text())
    return connection


def database() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    empty_database().backup(connection)
    return connection


def filled(records: Sequence[RunRecord]) -> tuple[sqlite3.Connection, dict[int, str]]:
    """Return a database with experiments 1 and 2 and these runs, and the id of each run by its key."""
    connection = database()
    for id in (1, 2):
        insert(connection, "experiment", id=id, name=str(id), stage="active", creation_time=0, last_update_time=0)
    keys = {insert_run(connection, record): record.id for record in records}
    connection.execute("UPDATE experiment SET runs = (SELECT count(*) FROM run WHERE experiment = experiment.id)")
    return connection, keys


def make_wait(connection: sqlite3.Connection, indexed: Mapping[str, float | None]) -> None:
    """Give runs other values in the index of metrics than their latest values, and mark them as waiting.

    `indexed` has these values by the ids of the runs. Ids of other runs are ignored.
    """
    for run_id, value in indexed.items():
        row = connection.execute("SELECT key FROM run WHERE id = ?", (run_id,)).fetchone()
        if row is not None:
            numbers = "SELECT id FROM name WHERE value_type = 'number'"
            connection.execute(f"UPDATE series SET indexed = ? WHERE run = ? AND name IN ({numbers})", (value, row[0]))
            insert(connection, "waiting", run=row[0], since=0)


def assert_pages(
    connection: sqlite3.Connection, query: RunQuery, records: Sequence[RunRecord], limits: Limits = LIMITS
) -> set[str]:
    """Assert that each page of a query has the runs of the reference implementation. Return the plans."""
    plans, expected = set(), query
    while True:
        page, answer = select_runs(expected, records), answer_of(connection, query, limits)
        plans.add(answer.plan)
        assert answer.ids == [record.id for record in page.items]
        assert (answer.next_token is None) == (page.next_token is None)
        if answer.next_token is None:
            return plans
        expected, query = replace(expected, page_token=page.next_token), replace(query, page_token=answer.next_token)
