"""Measure reading one sealed series of a million points: as NumPy arrays, as envelopes, and with MLflow's client.

The yardstick is `numpy.load` of the three columns (steps, timestamps, values). The series is logged with `run.log`, and
another one with `MlflowClient.log_batch`. The rows in MLflow's database are inserted without MLflow, because logging
them would take minutes.
Before each call, freed memory is returned to the system, as in a process that has not read the series before. Otherwise
it is a matter of luck which of the cases reuses memory, and `numpy.load` takes 2 or 6 ms.
"""

from __future__ import annotations

import ctypes
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy

from benchmarks.harness.command import Options, main
from benchmarks.harness.measure import Case, measure
from benchmarks.harness.places import new_mlflow_uri, new_workspace, seal, start_run
from benchmarks.harness.rows import Row, at_most, better_than_mlflow
from bridge import Run, Workspace

if TYPE_CHECKING:
    from mlflow import MlflowClient

START = 1_700_000_000_000
BATCH = 1000


def log_natively(options: Options, workspace: Workspace, values: list[float]) -> Run:
    run = start_run(options, workspace)
    for step, value in enumerate(values):
        run.log("loss", value, step=step)
    return run


def log_with_mlflow(client: MlflowClient, values: list[float]) -> str:
    from mlflow.entities import Metric

    run_id: str = client.create_run("0").info.run_id
    for at in range(0, len(values), BATCH):
        some = enumerate(values[at : at + BATCH], at)
        client.log_batch(run_id, [Metric("loss", value, START + step, step) for step, value in some])
    return run_id


def insert_into_mlflow(uri: str, run_id: str, values: list[float]) -> None:
    with closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as c:
        c.executemany(
            "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES ('loss', ?, ?, ?, ?, 0)",
            [(value, START + step, run_id, step) for step, value in enumerate(values)],
        )
        c.commit()


def load_columns(folder: Path) -> list[Any]:
    """Return the three columns. All of them are in memory at the end, as in the result of a read."""
    return [numpy.load(folder / f"{column}.npy") for column in range(3)]


def trim_memory() -> None:
    """Return freed memory to the system, if the C library can do this."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def check_length(count: int, expected: int) -> None:
    if count != expected:
        raise RuntimeError(f"{count} points were read, not {expected}")


def arrays(options: Options, runs: dict[str, Run], folder: Path, count: int) -> Iterator[Row]:
    """Yield the rows on reads of NumPy arrays and of envelopes."""
    views = runs["natively"].experiment.workspace.stores.tracking.views
    run_id = runs["natively"].id
    cases = {
        how: lambda _, run=run: check_length(len(run.get_metric("loss").points.steps), count)  # type: ignore[misc]
        for how, run in runs.items()
    }
    calls: dict[str, Callable[[Any], object]] = {
        "load": lambda _: load_columns(folder),
        **cases,
        "envelope": lambda _: views.sample_series([run_id], ["loss"], 1000),
        "extremes": lambda _: views.sample_series([run_id], ["loss"], 1),
    }
    times = measure({name: Case(call, prepare=trim_memory) for name, call in calls.items()}, options.repeats(15))
    of = {name: options.seconds(found) * 1e3 for name, found in times.items()}
    for how, name, limit in (
        ("natively", "logged with run.log, as NumPy arrays", 4),
        ("with MLflow", "logged with MlflowClient, as NumPy arrays", 4),
        ("envelope", "as an envelope of 1,000 buckets", 3),
        ("extremes", "as an envelope of one bucket, for which no chunk must be decompressed", 0.2),
    ):
        yield Row("5", f"{count:,} points {name}", of[how], "ms", "numpy.load of the three columns", of["load"],
                  bar=at_most(limit))  # fmt: skip


def history(options: Options, values: list[float]) -> Iterator[Row]:
    from mlflow import MlflowClient

    workspace = new_workspace(options)
    uris = {"ours": workspace.get_mlflow_tracking_uri(), "mlflow": new_mlflow_uri(options)}
    clients = {name: MlflowClient(uri) for name, uri in uris.items()}
    run_ids = {"ours": log_with_mlflow(clients["ours"], values)}
    seal(workspace, [run_ids["ours"]])
    run_ids["mlflow"] = clients["mlflow"].create_run("0").info.run_id
    insert_into_mlflow(uris["mlflow"], run_ids["mlflow"], values)
    cases = {
        name: Case(
            lambda _, client=client, run_id=run_ids[name]: check_length(  # type: ignore[misc]  # one for each client
                len(client.get_metric_history(run_id, "loss")), len(values)
            )
        )
        for name, client in clients.items()
    }
    times = measure(cases, options.repeats(3))
    yield Row("5", f"MlflowClient.get_metric_history of {len(values):,} points", options.seconds(times["ours"]), "s",
              mlflow=options.seconds(times["mlflow"]), bar=better_than_mlflow(6))  # fmt: skip


def rows(options: Options) -> Iterator[Row]:
    from mlflow import MlflowClient

    count = options.pick(2000, 1_000_000, 1_000_000)
    values = numpy.random.default_rng(4).normal(size=count).tolist()
    workspace = new_workspace(options)
    runs = {"natively": log_natively(options, workspace, values)}
    run_id = log_with_mlflow(MlflowClient(workspace.get_mlflow_tracking_uri()), values)
    runs["with MLflow"] = workspace.get_run(run_id)
    seal(workspace, [run.id for run in runs.values()])
    folder = options.new_folder("columns")
    series = runs["natively"].get_metric("loss").points
    for column, array in enumerate((series.steps, series.timestamps, series.values)):
        numpy.save(folder / f"{column}.npy", array)
    yield from arrays(options, runs, folder, count)
    yield from history(options, values[: options.pick(2000, 200_000, 1_000_000)])


if __name__ == "__main__":
    main(__doc__, rows)
