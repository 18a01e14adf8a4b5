"""Measure the time for logging one row of a table, and for logging and reading a table of 3,000 rows and 15 columns.

The call for one row is compared with a plain write of the same bytes. The results are medians in microseconds.
The table is logged, folded and read in one process. MLflow's SQLite store gets the same 45,000 values in batches of
1,000, and returns the history of each of the 15 metrics. Each is done once; the results are seconds.
The journal has the durability "process": a row survives the death of the process once the call has returned.
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bridge import Experiment, Run, Workspace
from bridge.journal.format import CELL_SIZE, POINT, REST_AT
from bridge.records.run import RunRecord
from bridge.store.create import create_store
from bridge.store.one_run import create_run, get_series
from bridge.store.open import open_store
from bridge.testing.strategies import row

COLUMNS = [f"column {number}" for number in range(15)]
ROW_BYTES = REST_AT + POINT.size + CELL_SIZE * len(COLUMNS)


def cells(number: int) -> dict[str, float]:
    return {column: number + at / 100 for at, column in enumerate(COLUMNS)}


def measure(call: Callable[[int], object], calls: int) -> float:
    """Return the microseconds for each call."""
    begun = time.perf_counter()
    for number in range(calls):
        call(number)
    return (time.perf_counter() - begun) / calls * 1e6


def bare_write(path: Path) -> Callable[[int], object]:
    descriptor, data = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), b"x" * ROW_BYTES
    return lambda number: os.write(descriptor, data)


def store_call(folder: Path) -> Callable[[int], object]:
    """Return a call of `log_points` with a row that already exists."""
    tracking = create_store(folder, "store").tracking
    create_run(tracking, RunRecord("r1", "0"))
    points = row("table", cells(1), 1)  # type: ignore[arg-type]  # floats are values
    return lambda number: tracking.log_points("r1", points)


def native_call(folder: Path) -> Callable[[int], object]:
    """Return a call of `run.log_row`, which creates the points of the row first."""
    workspace = Workspace.create("bench", path=folder)
    run_id = Experiment(workspace, "bench").start_logging(outputs=False, snapshot_directory=None).id
    run = Run.get(workspace, run_id)
    run.complete()
    values: dict[str, Any] = {f"column_{number}": float(number) for number in range(len(COLUMNS))}
    return lambda number: run.log_row("table", **values)


def our_table(folder: Path, rows: int) -> float:
    """Log a table and read it, and return the seconds that this takes."""
    tracking = create_store(folder, "table").tracking
    create_run(tracking, RunRecord("r1", "0"))
    begun = time.perf_counter()
    for number in range(rows):
        tracking.log_points("r1", row("table", cells(number), 1))  # type: ignore[arg-type]  # floats are values
    series = get_series(open_store(folder).tracking, "r1")
    taken = time.perf_counter() - begun
    if [len(record.positions) for record in series] != [rows] * len(COLUMNS):
        raise RuntimeError("the table is not whole")
    return taken


def their_table(folder: Path, rows: int) -> float:
    """Log the same values to MLflow's own store and read them, and return the seconds that this takes."""
    from mlflow.entities import Metric
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    store = SqlAlchemyStore(f"sqlite:///{folder / 'mlflow.db'}", str(folder / "artifacts"))
    run_id = store.create_run("0", "bench", 1, [], None).info.run_id
    begun = time.perf_counter()
    metrics = [
        Metric(f"table.{column}", value, 1, number) for number in range(rows) for column, value in cells(number).items()
    ]
    for at in range(0, len(metrics), 1000):
        store.log_batch(run_id, metrics[at : at + 1000], [], [])
    found = [len(store.get_metric_history(run_id, f"table.{column}")) for column in COLUMNS]
    taken = time.perf_counter() - begun
    if found != [rows] * len(COLUMNS):
        raise RuntimeError("MLflow's table is not whole")
    return taken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--folder", help="where to write; a temporary folder by default")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        calls = {
            f"os.write of {ROW_BYTES} bytes": bare_write(folder / "yardstick"),
            "log_points of a row": store_call(folder / "store"),
            "run.log_row": native_call(folder / "native"),
        }
        times: dict[str, list[float]] = {what: [] for what in calls}
        for call in calls.values():
            measure(call, 10)
        for _ in range(options.repeats):
            for what, call in calls.items():
                times[what].append(measure(call, options.calls))
        ours, theirs = our_table(folder / "table", options.rows), their_table(folder, options.rows)
    return report({what: statistics.median(values) for what, values in times.items()}, ours, theirs, options)


def report(medians: dict[str, float], ours: float, theirs: float, options: argparse.Namespace) -> int:
    print(
        f"{date.today()}, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"MLflow {version('mlflow')}; medians of {options.repeats} alternating repeats; durability: process"
    )
    for what, value in medians.items():
        print(f"  {what:<34}{value:>10.2f} µs per call")
    print(f"  {options.rows} rows of {len(COLUMNS)} columns, logged, folded, read{ours:>12.3f} s")
    print(f"  the same in MLflow's SQLite store{theirs:>26.3f} s")
    _, stored, native = medians.values()
    promises = [
        ("log_points of a row, µs", stored, 40.0, stored <= 40),
        ("run.log_row, µs", native, 40.0, native <= 40),
        ("the table, s", ours, 1.0, ours <= 1),
    ]
    for what, value, limit, holds in promises:
        print(f"  {what:<34}{value:>10.2f}   at most {limit:g}: {'holds' if holds else 'MISSED'}")
    print(f"  MLflow's time for the table is {theirs / ours:.0f} times ours")
    return 0 if all(holds for *_, holds in promises) else 1


if __name__ == "__main__":
    sys.exit(main())
