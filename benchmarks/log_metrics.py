"""Measure 100 metrics in one call: of Python's floats, and of the scalars of NumPy and torch.

The yardstick is a plain write of as many bytes as the call adds to the journal.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.harness.command import Options, main
from benchmarks.harness.measure import Case, measure
from benchmarks.harness.places import bare_file, has, journal_bytes, new_mlflow_uri, new_workspace, start_run
from benchmarks.harness.rows import Row, at_most

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


def rows(options: Options) -> Iterator[Row]:
    workspace = new_workspace(options)
    run = start_run(options, workspace)
    if not has(run, "log_metrics"):
        for kind, limit in LIMITS.items():
            yield Row("13", f"run.log_metrics of 100 {kind}", None, "µs", bar=at_most(limit))
        return
    log: Callable[..., None] = run.log_metrics  # type: ignore[attr-defined]  # it is planned
    given = metrics()
    log(given["floats"], step=0)
    before = journal_bytes(workspace)
    log(given["floats"], step=1)
    data, descriptor = b"x" * (journal_bytes(workspace) - before), bare_file(options)
    calls = options.pick(20, 200, 500)
    cases = {
        kind: Case(lambda step, values=values: log(values, step=step), calls)  # type: ignore[misc]  # one for each kind
        for kind, values in given.items()
    }
    times = measure(
        {
            "write": Case(lambda _: os.write(descriptor, data), calls),
            **cases,
            "mlflow": Case(mlflow_log(options, given["floats"]), options.pick(1, 1, 5)),
        },
        options.repeats(21),
    )
    of = {name: found.wall * 1e6 for name, found in times.items()}
    for kind, limit in LIMITS.items():
        yield Row("13", f"run.log_metrics of 100 {kind}", of[kind], "µs", f"os.write of {len(data):,} bytes",
                  of["write"], of["mlflow"], at_most(limit), note="MLflow: log_batch of floats")  # fmt: skip


if __name__ == "__main__":
    main(__doc__, rows)
