"""Measure logging arrays: `log_list` of 1,000 numbers, and `log_series` of a million points.

The yardsticks are a plain write of as many bytes as the call adds to the journal, and `numpy.save` of the three columns
(steps, timestamps, values) in three files. Neither waits for the disk.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import numpy

from benchmarks.harness.command import Options, main
from benchmarks.harness.measure import Case, measure
from benchmarks.harness.places import bare_file, journal_bytes, new_mlflow_uri, new_workspace, start_run
from benchmarks.harness.rows import Row, at_most, value_at_least
from bridge import Run

LIST = 1000


def mlflow_log(options: Options) -> Callable[[Any], object]:
    """Return a call that logs a list of values with MLflow, which has no call for arrays."""
    from mlflow import MlflowClient
    from mlflow.entities import Metric

    client = MlflowClient(new_mlflow_uri(options))
    run_id, steps = client.create_run("0").info.run_id, count()
    return lambda values: client.log_batch(
        run_id, [Metric("list", value, 1, step) for value, step in zip(values.tolist(), steps, strict=False)]
    )


def lists(options: Options, run: Run) -> Iterator[Row]:
    values = numpy.random.default_rng(4).normal(size=LIST)
    run.log_list("list", values)
    before = journal_bytes(run.experiment.workspace)
    run.log_list("list", values)
    data, descriptor = b"x" * (journal_bytes(run.experiment.workspace) - before), bare_file(options)
    calls, theirs = options.pick(2, 20, 50), mlflow_log(options)
    times = measure(
        {
            "write": Case(lambda _: os.write(descriptor, data), calls),
            "list": Case(lambda _: run.log_list("list", values), calls),
            "mlflow": Case(lambda _: theirs(values), 1),
        },
        options.repeats(25),
    )
    of = {name: LIST / options.seconds(found) for name, found in times.items()}
    yield Row("3", "log_list of a numpy array of 1,000, in the call", of["list"], "points/s",
              f"os.write of {len(data):,} bytes", of["write"], of["mlflow"], value_at_least(500_000))  # fmt: skip


def series(options: Options, run: Run) -> Iterator[Row]:
    points = options.pick(2000, 1_000_000, 1_000_000)
    name = f"log_series of {points:,} points, in the call"
    draw, folder, files = numpy.random.default_rng(4), options.new_folder("columns"), count()
    values = draw.normal(size=points)
    steps, timestamps = numpy.arange(points), 1_700_000_000_000 + numpy.arange(points) * 100

    def save(_: object) -> None:
        number = next(files)
        for column, array in enumerate((steps, timestamps, values)):
            numpy.save(folder / f"{number}-{column}.npy", array)

    theirs = mlflow_log(options)
    times = measure(
        {
            "save": Case(save),
            "series": Case(lambda _: run.log_series("series", values, steps=steps, timestamps=timestamps)),
            "mlflow": Case(lambda _: theirs(values[:1000]), 2),
        },
        options.repeats(7),
    )
    of = {case: options.seconds(found) * 1e3 for case, found in times.items()}
    theirs_ms = of["mlflow"] * points / 1000
    yield Row("3", name, of["series"], "ms", "numpy.save of the three columns", of["save"], theirs_ms, at_most(4),
              note="MLflow: log_batch, scaled from 1,000 points")  # fmt: skip


def rows(options: Options) -> Iterator[Row]:
    run = start_run(options, new_workspace(options))
    yield from lists(options, run)
    yield from series(options, run)


if __name__ == "__main__":
    main(__doc__, rows)
