"""Permanent deletion in SQL. Runs are first hidden. Then their rows are removed in several short transactions.

A hidden run belongs to the experiment `BIN`. Its id is replaced by a random text that is not a valid run id.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Sequence

from bridge.errors import NotFound
from bridge.store.sql import experiments
from bridge.store.sql.artifacts import AFTER_SLASH
from bridge.store.sql.changes import note_removals
from bridge.store.sql.database import Database
from bridge.store.sql.runs import keys_of
from bridge.store.sql.statements import AT_ONCE, chunks, in_chunks, marks_for

BIN = -1
"""The key of the experiment that contains the hidden runs. The migration `0003.sql` creates this experiment."""

POINTS_AT_ONCE = 250_000
"""About how many points one transaction removes. This takes a few megabytes of memory and about 10 ms."""

ROWS_AT_ONCE = 5_000
"""About how many rows one transaction removes. This takes about 10 ms."""

PAUSE_SECONDS = 0.001
"""The pause between two transactions.

In the pause, a process that waits for the lock for writing wakes up and takes the lock. Without the pause, this process
would often take the lock again before the other process has woken up.
"""

DETAILS = ("label", "warning", "dataset_input", "model_input", "model_output", "lease", "waiting", "unsealed")
KEEP_USES = (
    "INSERT INTO past_use (dataset, context) SELECT dataset, context FROM dataset_input WHERE run IN ({})"
    " EXCEPT SELECT dataset, context FROM past_use"
)
COUNTED = "SELECT run, name FROM counter WHERE run IN ({}) LIMIT ?"
HIDE = "UPDATE run SET id = ?, experiment = ?, parent_id = NULL WHERE key = ?"


def hide_runs(database: Database, run_ids: Sequence[str]) -> None:
    """Hide runs from every reader, and remove everything except their points, in several transactions.

    `finish` removes the points.
    """
    for some in chunks(run_ids):
        with database.write() as c:
            # Look up the integer keys of the runs in the transaction that uses them. After a purge by another process,
            # the database may give the key of a purged run to a new run.
            _hide_some(c, list(keys_of(c, some).values()))
        time.sleep(PAUSE_SECONDS)


def remove_experiment(database: Database, experiment_id: str) -> None:
    """Hide the runs of a deleted experiment in several transactions. The last transaction removes the experiment."""
    runs: list[int] | None = None
    while runs is None or runs:
        with database.write() as c:
            number = experiments.existing_id(c, experiment_id)
            if experiments.stage_of(c, number) != "deleted":
                raise NotFound("experiment", experiment_id, "it is active: delete it first")
            runs = _ids(c, "SELECT key FROM run WHERE experiment = ? LIMIT ?", (number, AT_ONCE))
            _hide_some(c, runs)
            if not runs:
                _remove_empty(c, number)
        time.sleep(PAUSE_SECONDS)


def _remove_empty(c: sqlite3.Connection, experiment: int) -> None:
    """Remove an experiment without runs."""
    c.execute("DELETE FROM past_use WHERE dataset IN (SELECT id FROM dataset WHERE experiment = ?)", (experiment,))
    for table in ("dataset", "experiment_tag"):
        c.execute(f"DELETE FROM {table} WHERE experiment = ?", (experiment,))
    c.execute("DELETE FROM experiment WHERE id = ?", (experiment,))
    note_removals(c, [(experiment, "")])


def _hide_some(c: sqlite3.Connection, keys: Sequence[int]) -> None:
    if not keys:
        return
    marks = marks_for(keys)
    runs = c.execute(f"SELECT experiment, id FROM run WHERE key IN ({marks})", keys).fetchall()
    for experiment, id in runs:
        root = f"{experiment}/{id}"
        c.execute("DELETE FROM artifact WHERE root >= ? AND root < ?", (root + "/", root + AFTER_SLASH))
    note_removals(c, runs)
    c.execute(KEEP_USES.format(marks), keys)
    for table in DETAILS:
        c.execute(f"DELETE FROM {table} WHERE run IN ({marks})", keys)
    unknown = os.urandom(16).hex()
    c.executemany(HIDE, [(f" {unknown}{key}", BIN, key) for key in keys])


def finish(database: Database) -> None:
    """Remove all rows of hidden runs, in several transactions. Other processes may write between them."""
    while _is_anything_hidden(database):
        with database.write() as c:
            c.execute("PRAGMA shrink_memory").fetchall()  # forget the pages of removed rows, which are not read again
            _remove_rows(c)
        time.sleep(PAUSE_SECONDS)


def _is_anything_hidden(database: Database) -> bool:
    with database.read() as c:
        return c.execute("SELECT 1 FROM run WHERE experiment = ? LIMIT 1", (BIN,)).fetchone() is not None


def _remove_rows(c: sqlite3.Connection) -> None:
    """Remove about `ROWS_AT_ONCE` rows of hidden runs, or fewer if they contain `POINTS_AT_ONCE` points."""
    points = rows = 0
    while points < POINTS_AT_ONCE and rows < ROWS_AT_ONCE:
        removed, of_points = _remove_some(c, POINTS_AT_ONCE - points, ROWS_AT_ONCE - rows)
        if not removed:
            return
        points += of_points
        rows += removed


def _remove_some(c: sqlite3.Connection, most_points: int, most_blocks: int) -> tuple[int, int]:
    """Remove some rows of hidden runs from one table.

    It is the first table that has such rows. The order of the tables is: blocks of points, chunks of points, series,
    counters, runs. A row is removed after all rows that refer to it: a block or chunk refers to a series, and a series
    or counter to a run. So a query for series starts from a few runs, and a query for blocks from a few series. A query
    that starts from all runs would take longer: each call would read all runs again, even those whose other rows are
    already removed.

    Returns:
        The number of removed rows, and the number of points in them.
    """
    runs = _ids(c, "SELECT key FROM run WHERE experiment = ? LIMIT ?", (BIN, AT_ONCE))
    series = _below(c, "SELECT id FROM series WHERE run IN ({}) LIMIT ?", runs)
    for table in ("point_block", "chunk"):
        found, points = _with_points(c, table, series, most_points, most_blocks)
        if found:
            _delete(c, table, "id", found)
            return len(found), points
    if series:
        _delete(c, "series", "id", series)
        return len(series), 0
    counted = c.execute(COUNTED.format(marks_for(runs)), (*runs, AT_ONCE)).fetchall()
    if counted:
        c.executemany("DELETE FROM counter WHERE run = ? AND name = ?", counted)
        return len(counted), 0
    _delete(c, "run", "key", runs)
    return len(runs), 0


def _ids(c: sqlite3.Connection, sql: str, values: Sequence[int]) -> list[int]:
    return [row[0] for row in c.execute(sql, values).fetchall()]


def _below(c: sqlite3.Connection, sql: str, above: Sequence[int]) -> list[int]:
    return _ids(c, sql.format(marks_for(above)), (*above, AT_ONCE)) if above else []


def _with_points(
    c: sqlite3.Connection, table: str, series: Sequence[int], most_points: int, most_blocks: int
) -> tuple[list[int], int]:
    """Return the ids of blocks or chunks of points, and the number of points in them.

    The search ends when it has found `most_blocks` rows or at least `most_points` points.
    """
    blocks, points = [], 0
    for block, count in in_chunks(c, f"SELECT id, points FROM {table} WHERE series IN ({{}})", series):
        blocks.append(block)
        points += count
        if points >= most_points or len(blocks) >= most_blocks:
            break
    return blocks, points


def _delete(c: sqlite3.Connection, table: str, column: str, values: Sequence[int]) -> None:
    for some in chunks(values):
        c.execute(f"DELETE FROM {table} WHERE {column} IN ({marks_for(some)})", some)
