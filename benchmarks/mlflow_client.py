"""Measure calls of `MlflowClient` that log metrics, and compare them with the same calls on a store that does nothing.

The store that does nothing shows the cost of MLflow's client alone.
The entities of MLflow are created before the measurement. Each point of `log_batch` has a step of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import TYPE_CHECKING

from benchmarks.harness.command import Options, main
from benchmarks.harness.measure import Case, measure
from benchmarks.harness.places import client_of_nothing, new_mlflow_uri, new_workspace
from benchmarks.harness.rows import Row, at_most

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

POINTS = 1000
MOST = {"mlflow": 5}
"""How often MLflow's store is measured, because it is slow."""


def new_batches(keys: int | None) -> Callable[[], list[Metric]]:
    """Return a function that creates a batch: of points in `keys` known keys, or, if it is None, in new keys."""
    from mlflow.entities import Metric

    steps = count()
    if keys is None:
        return lambda: [Metric(f"new_{step}", 0.5, 1, step) for step, _ in zip(steps, range(POINTS), strict=False)]
    return lambda: [Metric(f"key_{at % keys}", 0.5, 1, step) for at, step in zip(range(POINTS), steps, strict=False)]


def log_batch(client: MlflowClient, run_id: str) -> Callable[[list[Metric]], object]:
    return lambda metrics: client.log_batch(run_id, metrics=metrics)


def log_metric(client: MlflowClient, run_id: str) -> Callable[[int], object]:
    return lambda number: client.log_metric(run_id, "loss", 0.5, timestamp=1, step=number)


def clients(options: Options) -> dict[str, tuple[MlflowClient, str]]:
    """Return the client of each store, and the id of a run of this store."""
    from mlflow import MlflowClient

    uris = {"ours": new_workspace(options).get_mlflow_tracking_uri(), "mlflow": new_mlflow_uri(options)}
    stores = {name: MlflowClient(uri) for name, uri in uris.items()}
    made = {name: (client, client.create_run("0").info.run_id) for name, client in stores.items()}
    return {"nothing": (client_of_nothing(), "0" * 32), **made}


def rows(options: Options) -> Iterator[Row]:
    stores = clients(options)
    calls = options.pick(20, 400, 1000)
    times = measure(
        {
            name: Case(log_metric(*pair), calls // 20 if name == "mlflow" else calls)
            for name, pair in stores.items()
        },
        options.repeats(25),
    )  # fmt: skip
    of = {name: options.seconds(found) * 1e6 for name, found in times.items()}
    nothing = "a store that does nothing"
    yield Row("2", "MlflowClient.log_metric", of["ours"], "µs", nothing, of["nothing"], of["mlflow"], at_most(1.4))
    for keys, limit in ((1, 1.7), (100, 1.7), (1000, 1.7), (None, 3.5)):
        times = measure(
            {name: Case(log_batch(*pair), 1, new_batches(keys), MOST.get(name)) for name, pair in stores.items()},
            options.repeats(15),
        )
        of = {name: options.seconds(found) * 1e3 for name, found in times.items()}
        where = "1,000 new keys" if keys is None else f"{keys:,} known key{'s' if keys > 1 else ''}"
        name = f"MlflowClient.log_batch of 1,000 points in {where}"
        yield Row("2", name, of["ours"], "ms", nothing, of["nothing"], of["mlflow"], at_most(limit))


if __name__ == "__main__":
    main(__doc__, rows)
