"""Measure folds: storing the points of the journals in the database.

The yardstick inserts the rows that a fold has written into an empty database with the same schema, in one transaction.
Each fold runs in a workspace of its own. CPU times are those of all threads of this process.
The background thread is stopped, because otherwise it would fold some of the points before the measurement.
"""

from __future__ import annotations

import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy  # noqa: F401  # its import does not belong to the fold

from benchmarks.harness.command import Options, main
from benchmarks.harness.measure import Case, measure
from benchmarks.harness.places import fold, new_mlflow_uri, new_workspace, tracking_of
from benchmarks.harness.rows import Row, at_most, value_at_most
from bridge import Workspace
from bridge.records.run import RunChanges, RunRecord
from bridge.store import background, bounds
from bridge.store.one_run import create_run
from bridge.store.sql.sqlite import create_sqlite
from bridge.store.tracking import TrackingStore

GROWTH_LIMIT = 2.0
"""How many times the cost of one series may grow if there are ten times as many."""

WAIT_LIMIT = 10.0
"""The longest wait of another writer, in maximum transactions of a fold."""

AGAIN = 20

FOLDS = """
import sys
import numpy
from bridge.store.open import open_store

tracking = open_store(sys.argv[1]).tracking
print("ready", flush=True)
sys.stdin.readline()
tracking.get_runs(["r0"])
print("folded", flush=True)
"""


class Cost(NamedTuple):
    """The seconds of CPU of a fold and of its yardstick, and the seconds until one more point is folded."""

    fold: float
    bare: float
    again: float


def log_runs(tracking: TrackingStore, count: int) -> None:
    run_ids = [f"r{number}" for number in range(count)]
    for at in range(0, count, 500):
        tracking.create_runs([RunRecord(run_id, "0") for run_id in run_ids[at : at + 500]])
    for run_id in run_ids:
        tracking.log(run_id, f"key of {run_id}", 1.0, 1)


def log_keys(tracking: TrackingStore, count: int) -> None:
    create_run(tracking, RunRecord("r0", "0"))
    for number in range(count):
        tracking.log("r0", f"key of r{number}", 1.0, 1)


def log_points(tracking: TrackingStore, count: int) -> None:
    create_run(tracking, RunRecord("r0", "0"))
    for number in range(count):
        tracking.log("r0", "key of r0", number * 0.1, number, number)


def cost(options: Options, log: Callable[[TrackingStore, int], None], count: int) -> Cost:
    workspace = new_workspace(options)
    tracking = tracking_of(workspace)
    before = counts(workspace)
    log(tracking, count)
    begun = time.process_time()
    fold(workspace)
    spent = time.process_time() - begun
    again = []
    for _ in range(AGAIN):
        tracking.log("r0", "key of r0", 1.0, 1)
        begun = time.perf_counter()
        fold(workspace)
        again.append(time.perf_counter() - begun)
    bare = bare_seconds(options, workspace, before)
    workspace.close()
    return Cost(spent, bare, statistics.median(again))


def counts(workspace: Workspace) -> dict[str, int]:
    """Return the number of rows of each table."""
    with closing(sqlite3.connect(workspace.path / "workspace.db")) as c:
        names = [name for (name,) in c.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()]
        return {name: c.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}


def bare_seconds(options: Options, workspace: Workspace, before: dict[str, int]) -> float:
    """Store the rows of a fold in a new database, and return the seconds of CPU that this takes."""
    path = options.new_folder("reference") / "reference.db"
    create_sqlite(path, {})
    filled = [name for name, count in counts(workspace).items() if count > before[name] and name != "run"]
    with closing(sqlite3.connect(workspace.path / "workspace.db")) as source:
        rows = {name: source.execute(f'SELECT * FROM "{name}"').fetchall() for name in ("run", *filled)}
    with closing(sqlite3.connect(path, isolation_level=None)) as target:
        target.execute("PRAGMA synchronous=NORMAL")
        target.execute("PRAGMA foreign_keys=ON")
        store(target, "run", rows.pop("run"))
        begun = time.process_time()
        target.execute("BEGIN IMMEDIATE")
        target.execute("PRAGMA defer_foreign_keys=ON")
        for table, own in rows.items():
            store(target, table, own)
        target.execute("COMMIT")
        return time.process_time() - begun


def store(target: sqlite3.Connection, table: str, rows: list[tuple[object, ...]]) -> None:
    target.executemany(f'INSERT INTO "{table}" VALUES ({", ".join("?" * len(rows[0]))})', rows)


def medians(costs: list[Cost]) -> Cost:
    return Cost(*map(statistics.median, zip(*costs, strict=True)))


def mlflow_seconds(options: Options, keys: int, batches: int) -> float:
    """Return the seconds of CPU that MLflow's SQLite store takes for one point, logged in batches of 1,000."""
    from mlflow.entities import Metric
    from mlflow.tracking import MlflowClient

    client = MlflowClient(new_mlflow_uri(options))
    run_id = client.create_run("0").info.run_id
    begun = time.process_time()
    for at in range(0, batches * 1000, 1000):
        client.log_batch(run_id, [Metric(f"key_{step % keys}", 0.5, 1, step) for step in range(at, at + 1000)])
    return (time.process_time() - begun) / batches / 1000


def one_key(options: Options) -> Iterator[Row]:
    count = options.pick(2000, 1_000_000, 1_000_000)
    found = medians([cost(options, log_points, count) for _ in range(options.repeats(3))])
    theirs = mlflow_seconds(options, 1, options.pick(1, 10, 20)) * count
    yield Row("3b", f"fold of {count:,} points of one key, CPU", found.fold, "s", "insert the same rows", found.bare,
              theirs, value_at_most(0.5), note="MLflow: log_batch, scaled from fewer points")  # fmt: skip
    yield Row("3b", "one more point, until it is folded", found.again * 1e3, "ms")


def many_series(options: Options) -> Iterator[Row]:
    for what, log, sizes in (
        ("runs with one key each", log_runs, options.pick((50, 500), (2_000, 20_000), (20_000, 200_000))),
        ("new keys of one run", log_keys, options.pick((50, 500), (10_000, 100_000), (100_000, 1_000_000))),
    ):
        small, large = ([], [])  # type: tuple[list[Cost], list[Cost]]
        for _ in range(options.repeats(3)):
            small.append(cost(options, log, sizes[0]))
            large.append(cost(options, log, sizes[1]))
        few, many = medians(small), medians(large)
        theirs = mlflow_seconds(options, 1000, 1) * 1e6
        yield Row("3b", f"fold of {sizes[1]:,} {what}, CPU for one", many.fold / sizes[1] * 1e6, "µs",
                  "insert the same rows", many.bare / sizes[1] * 1e6, theirs, at_most(10))  # fmt: skip
        yield Row("3b", f"fold of {sizes[1]:,} {what}, CPU for one", many.fold / sizes[1] * 1e6, "µs",
                  f"fold of {sizes[0]:,}", few.fold / sizes[0] * 1e6, bar=at_most(GROWTH_LIMIT))  # fmt: skip
        yield Row("3b", f"one more point beside {sizes[1]:,} {what}, until it is folded", many.again * 1e3, "ms",
                  f"beside {sizes[0]:,}", few.again * 1e3, bar=at_most(GROWTH_LIMIT))  # fmt: skip


def known_series(options: Options) -> Iterator[Row]:
    """Yield the row on points in known series. The yardstick is a workspace whose search indexes were dropped."""
    keys = options.pick(50, 1000, 1000)
    indexed, bare = new_workspace(options), new_workspace(options)
    for workspace in (indexed, bare):
        log_keys(tracking_of(workspace), keys)
        fold(workspace)
    dropped = drop_search_indexes(bare)

    def prepared(workspace: Workspace) -> Callable[[], Workspace]:
        def log() -> Workspace:
            tracking, now = tracking_of(workspace), time.time_ns()
            for number in range(keys):
                tracking.log("r0", f"key of r{number}", now % 1000 * 0.1, 1, now)
            return workspace

        return log

    times = measure(
        {"indexed": Case(fold, prepare=prepared(indexed)), "bare": Case(fold, prepare=prepared(bare))},
        options.repeats(25),
        warm_up=2,
    )
    yield Row("3b", f"fold of {keys:,} points into {keys:,} known series, CPU", times["indexed"].cpu * 1e3, "ms",
              "without the search index", times["bare"].cpu * 1e3, bar=at_most(2),
              note="" if dropped else "the database has no search index of values")  # fmt: skip


def drop_search_indexes(workspace: Workspace) -> list[str]:
    """Drop the indexes that searches for values need. Return their names."""
    with closing(sqlite3.connect(workspace.path / "workspace.db", isolation_level=None)) as c:
        found = c.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND name LIKE 'series_by_%'").fetchall()
        for (name,) in found:
            c.execute(f"DROP INDEX {name}")
    return [name for (name,) in found]


def worst_wait(options: Options) -> Iterator[Row]:
    """Yield the row on another writer, which sets tags while a process folds."""
    count = options.pick(500, 20_000, 200_000)
    workspace = new_workspace(options)
    tracking = tracking_of(workspace)
    log_runs(tracking, count)
    yardstick = cost(options, log_runs, min(count, bounds.MOST_SERIES))
    process = subprocess.Popen(
        [sys.executable, "-c", FOLDS, str(workspace.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdin is not None and process.stdout is not None
        process.stdout.readline()
        folded = threading.Event()
        waiter = threading.Thread(target=lambda: (process.stdout.readline(), folded.set()))  # type: ignore[union-attr]
        waiter.start()
        process.stdin.write("\n")
        process.stdin.flush()
        waits = tagging_until(folded, workspace.path)
        waiter.join()
    yield Row("3b", f"longest of {len(waits)} transactions of another writer during a fold of {count:,} runs",
              max(waits) * 1e3, "ms", "one maximum transaction of the fold", yardstick.bare * 1e3,
              bar=at_most(WAIT_LIMIT), note=f"median {statistics.median(waits) * 1e3:.1f} ms")  # fmt: skip


def tagging_until(folded: threading.Event, path: Path) -> list[float]:
    """Set tags of a run until a fold has ended. Return the seconds of each call."""
    from bridge.store.sql.sqlite import open_sqlite

    waits: list[float] = []
    with closing(open_sqlite(path / "workspace.db")) as backend:  # without the journals, so that nothing folds here
        while not folded.is_set() or not waits:
            begun = time.perf_counter()
            backend.update_runs(("r0",), RunChanges(tags={"at": str(len(waits))}))
            waits.append(time.perf_counter() - begun)
            time.sleep(0.002)
    return waits


def rows(options: Options) -> Iterator[Row]:
    background.FOLD_SECONDS = 3600.0
    yield from one_key(options)
    yield from known_series(options)
    yield from many_series(options)
    yield from worst_wait(options)


if __name__ == "__main__":
    main(__doc__, rows)
