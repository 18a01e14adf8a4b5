"""Measure 100 metrics in one call: of Python's floats, and of the scalars of NumPy and torch.

The yardstick is a plain write of as many bytes as the call adds to the journal.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.harness.command import Options, main
from benchmarks.harness.measure import Case, measure
from benchmarks.harness.places import bare_file, journal_bytes, new_mlflow_uri, new_workspace, start_run
from benchmarks.harness.rows import Row, at_most
from bridge import Run

NAMES = [f"metric_{number}" for number in range(100)]
LIMITS = {"floats": 6, "NumPy scalars": 35, "torch scalars": 35}


def metrics() -> dict[str, dict[str, Any]]:
    """Return 100 metrics of each type."""
    import numpy
    import torch

    numbers = [number / 7 for number in range(100)]
    return {
        "floats": dict(zip(NAMES, numbers, strict=True)),
        "NumPy scalars": dict(zip(NAMES, map(numpy.float32, numbers), strict=True)),
        "torch scalars": dict(zip(NAMES, map(torch.tensor, numbers), strict=True)),
    }


def mlflow_log(options: Options, values: dict[str, float]) -> Callable[[int], object]:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

    client = MlflowClient(new_mlflow_uri(options))
    run_id = client.create_run("0").info.run_id
    return lambda step: client.log_batch(run_id, [Metric(name, value, 1, step) for name, value in values.items()])


def log(run: Run, values: dict[str, Any]) -> Callable[[int], object]:
    return lambda step: run.log_metrics(values, step=step)


def rows(options: Options) -> Iterator[Row]:
    workspace = new_workspace(options)
    run = start_run(options, workspace)
    given = metrics()
    run.log_metrics(given["floats"], step=0)
    before = journal_bytes(workspace)
    run.log_metrics(given["floats"], step=1)
    data, descriptor = b"x" * (journal_bytes(workspace) - before), bare_file(options)
    calls = options.pick(20, 200, 500)
    cases = {kind: Case(log(run, values), calls) for kind, values in given.items()}
    times = measure(
        {
            "write": Case(lambda _: os.write(descriptor, data), calls),
            **cases,
            "mlflow": Case(mlflow_log(options, given["floats"]), options.pick(1, 1, 5)),
        },
        options.repeats(21),
    )
    of = {name: options.seconds(found) * 1e6 for name, found in times.items()}
    for kind, limit in LIMITS.items():
        yield Row("13", f"run.log_metrics of 100 {kind}", of[kind], "µs", f"os.write of {len(data):,} bytes",
                  of["write"], of["mlflow"], at_most(limit), note="MLflow: log_batch of floats")  # fmt: skip


if __name__ == "__main__":
    main(__doc__, rows)
