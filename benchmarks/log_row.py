"""Measure one row of a table, and a whole table that is logged, folded and read.

One row is compared with a plain write of as many bytes, and the table with the same values in MLflow's SQLite store:
in batches of 1,000, and read as the history of each metric.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.harness.command import Options, main
from benchmarks.harness.measure import Case, measure
from benchmarks.harness.places import bare_file, journal_bytes, new_mlflow_uri, new_workspace, start_run, tracking_of
from benchmarks.harness.rows import Row, value_at_most
from bridge import Run
from bridge.testing.strategies import row

COLUMNS = [f"column_{number}" for number in range(15)]


def cells(number: int) -> dict[str, Any]:
    return {column: number + at / 100 for at, column in enumerate(COLUMNS)}


def log_row(run: Run) -> Callable[[int], object]:
    """Return a call of `run.log_row`, which creates the points of the row first."""
    return lambda number: run.log_row("table", **cells(number))


def log_points(run: Run) -> Callable[[int], object]:
    """Return a call of `log_points` with a row whose points already exist."""
    tracking, points = tracking_of(run.experiment.workspace), row("table", cells(1), 1)
    return lambda number: tracking.log_points(run.id, points)


def size_of_a_row(run: Run) -> int:
    """Return the bytes that one more row adds to the journal."""
    run.log_row("table", **cells(0))
    before = journal_bytes(run.experiment.workspace)
    run.log_row("table", **cells(1))
    return journal_bytes(run.experiment.workspace) - before


def our_table(options: Options, count: int) -> Callable[[object], None]:
    def log_and_read(_: object) -> None:
        run = start_run(options, new_workspace(options))
        for number in range(count):
            run.log_row("table", **cells(number))
        table = run.get_metric("table").table
        if table is None or [len(values) for values in table.columns.values()] != [count] * len(COLUMNS):
            raise RuntimeError("the table is not complete")

    return log_and_read


def their_table(options: Options, count: int) -> Callable[[object], None]:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

    def log_and_read(_: object) -> None:
        client = MlflowClient(new_mlflow_uri(options))
        run_id = client.create_run("0").info.run_id
        metrics = [
            Metric(f"table.{key}", value, 1, number) for number in range(count) for key, value in cells(number).items()
        ]
        for at in range(0, len(metrics), 1000):
            client.log_batch(run_id, metrics[at : at + 1000])
        if [len(client.get_metric_history(run_id, f"table.{key}")) for key in COLUMNS] != [count] * len(COLUMNS):
            raise RuntimeError("the table of MLflow is not complete")

    return log_and_read


def rows(options: Options) -> Iterator[Row]:
    run = start_run(options, new_workspace(options))
    size, descriptor = size_of_a_row(run), bare_file(options)
    calls = options.pick(20, 300, 1000)
    data = b"x" * size
    times = measure(
        {
            "write": Case(lambda number: os.write(descriptor, data), calls),
            "points": Case(log_points(run), calls),
            "row": Case(log_row(run), calls),
        },
        options.repeats(21),
    )
    of = {name: options.seconds(found) * 1e6 for name, found in times.items()}
    bare = f"os.write of {size} bytes"
    yield Row("row", "log_points of a row of 15 columns", of["points"], "µs", bare, of["write"], bar=value_at_most(40))
    yield Row("row", "run.log_row of 15 columns", of["row"], "µs", bare, of["write"], bar=value_at_most(40))
    count = options.pick(20, 3000, 30_000)
    table = measure({"ours": Case(our_table(options, count))}, options.repeats(3), warm_up=0)["ours"]
    theirs = measure({"mlflow": Case(their_table(options, count))}, 1, warm_up=0)["mlflow"]
    name = f"log, fold and read a table of {count:,} rows and 15 columns"
    yield Row(
        "row",
        name,
        options.seconds(table),
        "s",
        mlflow=options.seconds(theirs),
        bar=value_at_most(count / 3000),
    )


if __name__ == "__main__":
    main(__doc__, rows)
