"""Measure the bytes of database that a point takes, with all indexes, after all points are folded and sealed.

The bytes are the pages of the database that are in use. The yardstick is the three columns as 64-bit numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy

from benchmarks.harness.command import Options, main
from benchmarks.harness.places import fold, new_mlflow_uri, new_run, new_workspace, seal, tracking_of, used_bytes
from benchmarks.harness.rows import Row, value_at_most
from bridge import Workspace

START = 1_700_000_000_000
PLAIN = 24.0


def loss(count: int) -> list[float]:
    """Return a loss that falls and has noise, as 64-bit numbers."""
    draw, steps = numpy.random.default_rng(4), numpy.arange(count)
    return list((2.0 / (1 + steps / count * 20) + draw.normal(scale=0.05, size=count)).tolist())


def float32_loss(count: int) -> list[float]:
    return list(numpy.array(loss(count), dtype=numpy.float32).astype(numpy.float64).tolist())


def log_one_key(workspace: Workspace, values: list[float]) -> int:
    """Log a value every 20 ms or so, as a training does, and fold each 20,000 points."""
    tracking, run_id = tracking_of(workspace), new_run(workspace)
    times = START + numpy.cumsum(numpy.random.default_rng(5).integers(15, 26, size=len(values)))
    for step, (value, time) in enumerate(zip(values, times.tolist(), strict=True)):
        tracking.log(run_id, "loss", value, time, step)
        if step % 20_000 == 0:
            fold(workspace)
    seal(workspace, [run_id])
    return len(values)


def log_an_hour(workspace: Workspace, seconds: int) -> int:
    """Log 100 metrics once a second, and fold after each second, as the background thread does."""
    tracking, run_id = tracking_of(workspace), new_run(workspace)
    columns = {f"metric_{number}": loss(seconds) for number in range(100)}
    for second in range(seconds):
        for key, values in columns.items():
            tracking.log(run_id, key, values[second], START + second * 1000, second)
        fold(workspace)
    seal(workspace, [run_id])
    return seconds * 100


def log_to_mlflow(options: Options, keys: int, count: int) -> float:
    """Log points to MLflow's SQLite store, and return the bytes that one takes."""
    from mlflow import MlflowClient
    from mlflow.entities import Metric

    uri = new_mlflow_uri(options)
    path, client = Path(uri.removeprefix("sqlite:///")), MlflowClient(uri)
    run_id, values = client.create_run("0").info.run_id, loss(count)
    before = used_bytes(path)
    for at in range(0, count, 1000):
        some = enumerate(values[at : at + 1000], at)
        client.log_batch(run_id, [Metric(f"k{step % keys}", value, START + step, step // keys) for step, value in some])
    return (used_bytes(path) - before) / count


def bytes_of_a_point(options: Options, log: Callable[[Workspace], int]) -> float:
    workspace = new_workspace(options)
    database = workspace.path / "workspace.db"
    before = used_bytes(database)
    count = log(workspace)
    workspace.close()
    return (used_bytes(database) - before) / count


def rows(options: Options) -> Iterator[Row]:
    count, seconds = options.pick(2000, 1_000_000, 1_000_000), options.pick(20, 3600, 3600)
    theirs = {keys: log_to_mlflow(options, keys, options.pick(1000, 20_000, 100_000)) for keys in (1, 100)}
    for name, log, limit, keys in (
        (f"a point of {count:,} of a noisy float64 loss", lambda w: log_one_key(w, loss(count)), 8, 1),
        (f"a point of {count:,} born as float32", lambda w: log_one_key(w, float32_loss(count)), 4, 1),
        (f"a point of 100 metrics each second, {seconds:,} s", lambda w: log_an_hour(w, seconds), 10, 100),
    ):
        yield Row("6", f"database for {name}", bytes_of_a_point(options, log), "bytes",
                  "step, timestamp and value, 64 bits each", PLAIN, theirs[keys], value_at_most(limit))  # fmt: skip


if __name__ == "__main__":
    main(__doc__, rows)
