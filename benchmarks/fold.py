"""Measure the time per series for folding many series, and compare it with a plain `executemany` of the same rows.

There are two cases, each in two sizes: many runs with one key each, and one run with many keys.
Each series has one point.
All points are in a journal. The benchmark measures the first read of one series, which folds them.
The reference stores the same metrics, series and blocks in an empty database with the same schema, in one transaction.
Afterwards, one more point is logged and read. Its time must not depend on the number of stored series.
All cases are measured in turn, several times, each time in a new workspace. The results are medians.
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy  # noqa: F401  # its import does not belong to the fold

from bridge.records.run import RunRecord
from bridge.store import background
from bridge.store.create import create_store
from bridge.store.one_run import create_run, get_series
from bridge.store.sql.sqlite import create_sqlite
from bridge.store.tracking import TrackingStore

SIZES = {"runs with a key of their own": (2_500, 20_000), "keys of one run": (10_000, 100_000)}
TABLES = ("run", "metric", "series", "point_block")
AGAIN = 20
RATIO_LIMIT, GROWTH_LIMIT = 10.0, 2.0


class Cost(NamedTuple):
    """The microseconds per series of a fold and of the reference, and the milliseconds of one more point."""

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


SHAPES: dict[str, Callable[[TrackingStore, int], None]] = dict(zip(SIZES, (log_runs, log_keys), strict=True))


def measure(folder: Path, shape: str, count: int) -> Cost:
    tracking = create_store(folder / "work", "fold").tracking
    SHAPES[shape](tracking, count)
    begun = time.perf_counter()
    get_series(tracking, "r0", ["key of r0"])
    fold = time.perf_counter() - begun
    again = []
    for _ in range(AGAIN):
        tracking.log("r0", "key of r0", 1.0, 1)
        begun = time.perf_counter()
        get_series(tracking, "r0", ["key of r0"])
        again.append(time.perf_counter() - begun)
    tracking.close()
    bare = bare_seconds(folder / "work" / "workspace.db", folder / "reference.db", count)
    return Cost(fold / count * 1e6, bare / count * 1e6, statistics.median(again) * 1e3)


def bare_seconds(folded: Path, path: Path, count: int) -> float:
    """Store the rows of a fold in a new database, and return the seconds that this takes."""
    create_sqlite(path, {})
    with closing(sqlite3.connect(folded)) as source:
        rows = {table: source.execute(f"SELECT * FROM {table} ORDER BY 1 LIMIT {count}").fetchall() for table in TABLES}
    with closing(sqlite3.connect(path, isolation_level=None)) as target:
        target.execute("PRAGMA synchronous=NORMAL")
        target.execute("PRAGMA foreign_keys=ON")
        store(target, "run", rows.pop("run"))
        begun = time.perf_counter()
        target.execute("BEGIN IMMEDIATE")
        for table, own in rows.items():
            store(target, table, own)
        target.execute("COMMIT")
        return time.perf_counter() - begun


def store(target: sqlite3.Connection, table: str, rows: list[tuple[object, ...]]) -> None:
    target.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", help="where to write; a temporary folder by default")
    options = parser.parse_args()
    logging.disable(logging.INFO)
    background.FOLD_SECONDS = 3600.0  # otherwise the background thread folds some of the points
    found: dict[tuple[str, int], list[Cost]] = {(shape, count): [] for shape in SIZES for count in SIZES[shape]}
    for _ in range(options.repeats):
        for (shape, count), costs in found.items():
            with tempfile.TemporaryDirectory(dir=options.folder) as name:
                costs.append(measure(Path(name), shape, count))
    medians = {case: Cost(*map(statistics.median, zip(*costs, strict=True))) for case, costs in found.items()}
    return report(medians, options.repeats)


def report(medians: dict[tuple[str, int], Cost], repeats: int) -> int:
    print(
        f"{date.today()}, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}; medians of {repeats} alternating repeats; durability: process"
    )
    for (shape, count), cost in medians.items():
        print(
            f"  {count:>7,} {shape:<30}{cost.fold:>7.1f} µs per series, executemany {cost.bare:>5.1f} µs"
            f" ({cost.fold / cost.bare:.1f} times); one more point {cost.again:.1f} ms"
        )
    promises = []
    for shape, sizes in SIZES.items():
        small, large = (medians[shape, count] for count in sizes)
        promises += [
            (f"{shape}: ratio to executemany", large.fold / large.bare, RATIO_LIMIT),
            (f"{shape}: time per series, many compared with few", large.fold / small.fold, GROWTH_LIMIT),
            (f"{shape}: one more point, many compared with few", large.again / small.again, GROWTH_LIMIT),
        ]
    for what, value, limit in promises:
        print(f"  {what:<72}{value:>6.2f}   at most {limit:g}: {'holds' if value <= limit else 'MISSED'}")
    return 0 if all(value <= limit for _, value, limit in promises) else 1


if __name__ == "__main__":
    sys.exit(main())
