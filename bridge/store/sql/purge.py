"""Deletion for good in SQL: runs are hidden in one transaction, and what they logged is removed in bounded slices.

A hidden run belongs to the experiment `BIN` and has an id that no run may have and nobody knows.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Sequence

from bridge.errors import NotFound
from bridge.store.sql import experiments
from bridge.store.sql.artifacts import AFTER_SLASH
from bridge.store.sql.database import Database
from bridge.store.sql.statements import AT_ONCE, chunks, in_chunks, marks_for

BIN = -1
"""The experiment of hidden runs; the migration that brings it is `0003.sql`."""

SLICE_POINTS = 250_000
"""About how many points one transaction removes: in memory they are some megabytes, and others wait some 10 ms."""

PAUSE_SECONDS = 0.001
"""How long nobody holds the turn to write between two slices: who gives it back would else have it again at once."""

DETAILS = ("param", "tag", "property", "warning", "dataset_input", "model_input", "model_output", "lease")
KEEP_USES = (
    "INSERT INTO past_use (dataset, context) SELECT dataset, context FROM dataset_input WHERE run IN ({})"
    " EXCEPT SELECT dataset, context FROM past_use"
)
HIDE = "UPDATE run SET id = ?, experiment = ?, parent_id = NULL WHERE key = ?"


def hide_runs(c: sqlite3.Connection, keys: Sequence[int]) -> None:
    """Let runs be gone for everybody, with all of them that is small; `finish` removes the rest."""
    for some in chunks(keys):
        marks = marks_for(some)
        roots = c.execute(f"SELECT experiment || '/' || id FROM run WHERE key IN ({marks})", some).fetchall()
        for (root,) in roots:
            c.execute("DELETE FROM artifact WHERE root >= ? AND root < ?", (root + "/", root + AFTER_SLASH))
        c.execute(KEEP_USES.format(marks), some)
        for table in DETAILS:
            c.execute(f"DELETE FROM {table} WHERE run IN ({marks})", some)
        c.executemany(HIDE, [(f" {os.urandom(16).hex()}", BIN, key) for key in some])


def remove_experiment(c: sqlite3.Connection, experiment_id: str) -> None:
    """Remove a deleted experiment, and hide its runs."""
    number = experiments.existing_id(c, experiment_id)
    if experiments.stage_of(c, number) != "deleted":
        raise NotFound("experiment", experiment_id, "it is active: delete it first")
    hide_runs(c, [row[0] for row in c.execute("SELECT key FROM run WHERE experiment = ?", (number,)).fetchall()])
    c.execute("DELETE FROM past_use WHERE dataset IN (SELECT id FROM dataset WHERE experiment = ?)", (number,))
    for table in ("dataset", "experiment_tag"):
        c.execute(f"DELETE FROM {table} WHERE experiment = ?", (number,))
    c.execute("DELETE FROM experiment WHERE id = ?", (number,))


def finish(database: Database) -> None:
    """Remove all that is left of hidden runs, in transactions between which others write."""
    while _is_anything_hidden(database):
        with database.write() as c:
            _remove_some(c)
        time.sleep(PAUSE_SECONDS)


def _is_anything_hidden(database: Database) -> bool:
    with database.read() as c:
        return c.execute("SELECT 1 FROM run WHERE experiment = ? LIMIT 1", (BIN,)).fetchone() is not None


def _remove_some(c: sqlite3.Connection) -> None:
    """Remove a slice of points, else series that have none left, else the runs."""
    series = _ids(c, "SELECT s.id FROM run r JOIN metric m ON m.run = r.key JOIN series s ON s.metric = m.id", AT_ONCE)
    blocks = _blocks(c, series)
    if blocks:
        _delete(c, "point_block", "id", blocks)
    elif series:
        _delete(c, "series", "id", series)
    else:
        runs = _ids(c, "SELECT r.key FROM run r", AT_ONCE)
        _delete(c, "metric", "run", runs)
        _delete(c, "run", "key", runs)


def _ids(c: sqlite3.Connection, sql: str, most: int) -> list[int]:
    return [row[0] for row in c.execute(f"{sql} WHERE r.experiment = ? LIMIT ?", (BIN, most))]


def _blocks(c: sqlite3.Connection, series: Sequence[int]) -> list[int]:
    """Blocks of series that have about `SLICE_POINTS` points together."""
    blocks, points = [], 0
    for block, count in in_chunks(c, "SELECT id, points FROM point_block WHERE series IN ({})", series):
        blocks.append(block)
        points += count
        if points >= SLICE_POINTS:
            break
    return blocks


def _delete(c: sqlite3.Connection, table: str, column: str, values: Sequence[int]) -> None:
    for some in chunks(values):
        c.execute(f"DELETE FROM {table} WHERE {column} IN ({marks_for(some)})", some)
