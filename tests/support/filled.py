"""A small workspace with everything that a check looks at, and its content in a form that can be compared."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from bridge.records.run import RunChanges, RunRecord
from bridge.records.series import COLUMN, MLFLOW, NATIVE, Point
from bridge.store.create import create_store
from bridge.store.open import open_store
from bridge.store.sql import seal
from bridge.store.sql.sqlite import open_sqlite

FIRST, SECOND, THIRD = ("a" * 32, "b" * 32, "c" * 32)
ROOT = f"0/{FIRST}/artifacts"
SAME = b"the same bytes in two runs\n" * 50
START = 1_700_000_000_000


def fill(path: Path) -> None:
    """Create a workspace with three runs that have ended. It has chunks, blocks, texts, rows, labels and files."""
    stores = create_store(path, "filled")
    backend = stores.open_store.backend
    records = [
        RunRecord(id, "0", start_time=START + at, params={"lr": f"0.{at}", "model": "cnn" * 40}, tags={"team": "vis"})
        for at, id in enumerate((FIRST, SECOND, THIRD))
    ]
    backend.create_runs(records)
    for id in (FIRST, SECOND):
        values = [1.5, float("nan"), -0.0, float("inf"), 5e-324, 3.0]
        points = [Point("loss", values[step % 6] + step % 7, START + 10 * step, step) for step in range(400)]
        backend.log_points(id, points)
        backend.log_points(id, [Point("count", 3 * step % 11, START + step) for step in range(300)], MLFLOW)
        backend.log_points(id, [Point("note", f"text {step}", START + step) for step in range(40)], NATIVE)
        rows = [
            Point("table", value, START + step, None, COLUMN, column, joined)
            for step in range(60)
            for column, value, joined in (("x", float(step), False), ("y", f"row {step}", True))
        ]
        backend.log_points(id, rows)
    backend.update_runs([FIRST, SECOND], RunChanges(status="Completed", end_time=START + 9_000))
    while backend.tidy():
        continue
    _seal(backend)
    backend.log_points(FIRST, [Point("loss", 0.25, START + 5_000, 400), Point("late", 7.0, START, 3)])
    backend.log_points(FIRST, [Point("loss", 0.125, START + 5_010, 401), Point("late", 8.0, START, 4)])
    backend.update_runs([THIRD], RunChanges(status="Failed", end_time=START + 9_000))
    while backend.tidy():
        continue
    artifacts = stores.artifacts
    artifacts.put(ROOT, "model/weights.bin", SAME)
    artifacts.put(f"0/{SECOND}/artifacts", "weights.bin", SAME)
    artifacts.put(ROOT, "notes.txt", b"only here")
    artifacts.append(ROOT, "logs/out.txt", b"line 1\nline 2\n")
    stores.close()


def _seal(backend: Any) -> None:
    with backend.database.read() as c:
        series = [id for (id,) in c.execute("SELECT id FROM series").fetchall()]
    while series:
        series = seal.seal(backend.database, series)


def copy_of(template: Path, path: Path) -> Path:
    """Copy a workspace that no process has open."""
    shutil.copytree(template, path)
    return path


def points_of(path: Path, runs: tuple[str, ...] = (FIRST, SECOND, THIRD)) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Return all points of runs, bit by bit, by series."""
    store = open_sqlite(path / "workspace.db")
    try:
        return {
            (run, one.key, one.column, one.kind, one.value_type): (
                one.all_ints,
                *(column.tobytes() for column in (one.positions, one.steps, one.timestamps, one.apis)),
                one.numbers.tobytes() if one.numbers is not None else json.dumps(one.texts),
            )
            for run, series in store.get_series_of(list(runs)).items()
            for one in series
        }
    finally:
        store.close()


def records_of(path: Path) -> list[Any]:
    """Return the records of the runs, with their params, tags and latest values, as text that can be compared."""
    store = open_sqlite(path / "workspace.db")
    try:
        found = store.get_runs([FIRST, SECOND, THIRD])
        return [repr(found[id]) for id in (FIRST, SECOND, THIRD)]
    finally:
        store.close()


def files_of(path: Path) -> dict[str, bytes]:
    """Return the bytes of all files of a workspace, except for SQLite's index of its log."""
    return {
        str(file.relative_to(path)): file.read_bytes()
        for file in sorted(path.rglob("*"))
        if file.is_file() and not file.name.endswith("-shm")
    }


def change(path: Path, sql: str, *values: Any, file: str = "workspace.db") -> None:
    """Change the database of a workspace without Runbridge."""
    with closing(sqlite3.connect(path / file, isolation_level=None)) as c:
        assert c.execute(sql, values).rowcount != 0, "the statement has changed nothing"
        c.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def ask(path: Path, sql: str, *values: Any, file: str = "workspace.db") -> Any:
    """Return the first value of a query."""
    with closing(sqlite3.connect(path / file)) as c:
        return c.execute(sql, values).fetchone()[0]


def age(file: Path, seconds: float = 3_600) -> None:
    """Let a file look as if it was written earlier."""
    state = file.stat()
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns - int(seconds * 1e9)))


def reopen(path: Path) -> None:
    """Open a workspace and fold, as any reader does."""
    stores = open_store(path)
    stores.tracking.get_runs([FIRST])
    stores.close()
