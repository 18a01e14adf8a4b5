"""Measure one `MlflowClient.log_batch` until `MlflowClient.get_run` in another process returns its last value.

The other process waits for a line, and then calls `get_run` until the value is there.
With `--clock cpu`, the CPU times of both processes are added.
The yardstick is the same `log_batch` on a store that does nothing, so it shows what MLflow's client costs alone.
With new keys, each call gets a new run, which is created before the measurement.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.harness.command import Options, main
from benchmarks.harness.measure import Case, Times, measure
from benchmarks.harness.places import Reader, client_of_nothing, new_mlflow_uri, new_workspace, reader
from benchmarks.harness.rows import Row, better_than_mlflow

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

POINTS = 1000
MOST = {"mlflow": 5}
"""How often MLflow's store is measured, because it is slow."""


class Place(NamedTuple):
    """A client of a store, a reader of the same store, the run with the known keys, and CPU seconds of the reader."""

    client: MlflowClient
    reader: Reader | None
    run_id: str
    spent: list[float]


class Batch(NamedTuple):
    run_id: str
    metrics: list[Metric]


def prepared(place: Place, keys: int | None) -> Callable[[], Batch]:
    """Return a function that creates a batch: of points in `keys` known keys, or, if it is None, in new keys."""
    from mlflow.entities import Metric

    steps = count(1)

    def batch() -> Batch:
        run_id, numbers = place.run_id, range(POINTS)
        if keys is None and place.reader is not None:
            run_id = place.client.create_run("0").info.run_id
        names = [f"key_{at % (keys or POINTS)}_of_{keys}" for at in numbers]
        return Batch(run_id, [Metric(name, step * 0.5, 1, step) for name, step in zip(names, steps, strict=False)])

    return batch


def log(place: Place) -> Callable[[Batch], object]:
    def log_and_wait(batch: Batch) -> None:
        place.client.log_batch(batch.run_id, metrics=batch.metrics)
        if place.reader is not None:
            last = batch.metrics[-1]
            place.spent.append(place.reader.wait_for(batch.run_id, last.key, last.value))

    return log_and_wait


def milliseconds(options: Options, place: Place, times: Times) -> float:
    """Return the milliseconds of one call and its read, by the chosen clock."""
    reading = place.spent[-len(times.walls) :] if options.clock == "cpu" and place.reader else [0.0]
    return (options.seconds(times) + statistics.median(reading)) * 1e3


def rows(options: Options) -> Iterator[Row]:
    from mlflow import MlflowClient

    uris = {"ours": new_workspace(options).get_mlflow_tracking_uri(), "mlflow": new_mlflow_uri(options)}
    places = {"nothing": Place(client_of_nothing(), None, "0" * 32, [])}
    with ExitStack() as readers:
        for name, uri in uris.items():
            client = MlflowClient(uri)
            run_id = client.create_run("0").info.run_id
            places[name] = Place(client, readers.enter_context(reader(uri)), run_id, [])
        for keys, limit in ((1, 12), (100, 12), (1000, 20), (None, 5)):
            times = measure(
                {
                    name: Case(log(place), prepare=prepared(place, keys), most=MOST.get(name))
                    for name, place in places.items()
                },
                options.repeats(15),
            )
            of = {name: milliseconds(options, place, times[name]) for name, place in places.items()}
            where = "1,000 new keys" if keys is None else f"{keys:,} known key{'s' if keys > 1 else ''}"
            yield Row("3", f"log_batch of 1,000 points in {where}, until another process reads the last", of["ours"],
                      "ms", "log_batch alone, on a store that does nothing", of["nothing"], of["mlflow"],
                      better_than_mlflow(limit))  # fmt: skip


if __name__ == "__main__":
    main(__doc__, rows)
