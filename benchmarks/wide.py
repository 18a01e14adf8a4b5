"""Measure wide runs: very many keys in one run, very many keys in an experiment, and rows with very many columns.

Most costs are divided by the number of keys or cells. The yardstick is the same cost with a tenth of them, so a ratio
of 1 means that the cost is linear. MLflow's store gets the smaller number of keys.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.harness.command import Options, main
from benchmarks.harness.places import fold, new_mlflow_uri, new_workspace, seal, start_run, tracking_of
from benchmarks.harness.rows import Row, at_most
from bridge import Experiment
from bridge.records.run import RunRecord, new_run_id
from bridge.records.search import RunQuery
from bridge.records.views import Column
from bridge.store import background

GROWTH_LIMIT = 2.0
"""How many times the cost of one key may grow if there are ten times as many keys."""

Costs = dict[str, float]
"""The seconds of CPU of each step."""


class Steps:
    """Measures steps one after the other, in seconds of CPU of this process.

    The garbage collector skips the objects that existed before a step, for example those of MLflow's modules.
    Otherwise one of the steps, whichever it is, would pay for a pass over all of them: about 0.2 seconds.
    """

    def __init__(self) -> None:
        self.costs: Costs = {}

    def take(self, name: str, call: Callable[[], object], count: float = 1) -> None:
        """Measure a step once, and divide its cost by a number."""
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        begun = time.process_time()
        call()
        self.costs[name] = (time.process_time() - begun) / count


def keys_of_one_run(options: Options, count: int) -> Costs:
    """Log `count` keys to one run, twice; fold, read and list them."""
    from mlflow import MlflowClient

    workspace = new_workspace(options)
    run, steps = start_run(options, workspace), Steps()
    client = MlflowClient(workspace.get_mlflow_tracking_uri())
    keys = [f"layer_{number}/gradient" for number in range(count)]

    def log(step: int) -> None:
        for key in keys:
            run.log(key, 0.5, step=step)

    steps.take("log the first point", lambda: log(1), count)
    steps.take("fold the first points", lambda: fold(workspace), count)
    steps.take("log one more point", lambda: log(2), count)
    steps.take("fold one more point", lambda: fold(workspace), count)
    steps.take("run.get_metrics", run.get_metrics, count)
    steps.take("MlflowClient.get_run", lambda: client.get_run(run.id), count)
    steps.take("read the run by a filter on one key", lambda: filtered(client, keys[0]), count)
    steps.take("run.get_metric of one key (the call)", lambda: run.get_metric(keys[0]))
    steps.take("seal", lambda: seal(workspace, [run.id]), count)
    steps.take("run.get_metrics, sealed", run.get_metrics, count)
    workspace.close()
    return steps.costs


def filtered(client: Any, key: str) -> None:
    found = client.search_runs(["0", "1"], f'metrics."{key}" > 0')
    if len(found) != 1:
        raise RuntimeError(f"{len(found)} runs were found, not one")


def keys_of_an_experiment(options: Options, count: int) -> Costs:
    """Log `count` distinct keys to the runs of an experiment, ten to each run; then fold and search."""
    from mlflow import MlflowClient

    workspace = new_workspace(options)
    experiment, steps = Experiment(workspace, "wide"), Steps()
    tracking, client = tracking_of(workspace), MlflowClient(workspace.get_mlflow_tracking_uri())
    run_ids = [new_run_id() for _ in range(count // 10)]
    for at in range(0, len(run_ids), 500):
        tracking.create_runs([RunRecord(run_id, experiment.id) for run_id in run_ids[at : at + 500]])

    def log(step: int) -> None:
        for number in range(count):
            tracking.log(run_ids[number // 10], f"key_{number}", number / 7, 1, step)

    def search() -> None:
        if len(client.search_runs([experiment.id], "metrics.key_7 > 0")) != 1:
            raise RuntimeError("the run was not found")

    steps.take("log the first point", lambda: log(1), count)
    steps.take("fold the first points", lambda: fold(workspace), count)
    steps.take("log one more point", lambda: log(2), count)
    steps.take("fold one more point", lambda: fold(workspace), count)
    steps.take("list the runs natively", lambda: sum(1 for _ in experiment.get_runs()), count)
    some = min(len(run_ids), 1000)
    steps.take("read complete runs", lambda: client.search_runs([experiment.id], max_results=some), some * 10)
    steps.take("search for one key (the call)", search)
    views, query = workspace.stores.tracking.views, RunQuery((experiment.id,))
    columns = [Column("metric", f"key_{number * count // 9}") for number in range(9)]
    steps.take("a table of nine of the keys, of all runs", lambda: views.get_columns(query, columns), count)
    steps.take("list 500 keys (the call)", lambda: views.list_keys([experiment.id]))
    steps.take("seal", lambda: seal(workspace, run_ids), count)
    workspace.close()
    return steps.costs


def wide_rows(options: Options, columns: int) -> Costs:
    """Log rows of `columns` columns, fold and read them. Costs are those of one cell."""
    workspace = new_workspace(options)
    run, steps = start_run(options, workspace), Steps()
    count = options.pick(5, 200, 1000)
    cells: dict[str, Any] = {f"column_{number}": number / 7 for number in range(columns)}

    def log() -> None:
        for _ in range(count):
            run.log_row("table", **cells)

    steps.take("log", log, count * columns)
    steps.take("fold", lambda: fold(workspace), count * columns)
    steps.take("read", lambda: run.get_metric("table"), count * columns)
    steps.take("seal", lambda: seal(workspace, [run.id]), count * columns)
    steps.take("read, sealed", lambda: run.get_metric("table"), count * columns)
    workspace.close()
    return steps.costs


def mlflow_keys(options: Options, count: int) -> Costs:
    """Log keys to one run of MLflow's SQLite store, and read them."""
    from mlflow import MlflowClient
    from mlflow.entities import Metric

    client, steps = MlflowClient(new_mlflow_uri(options)), Steps()
    run_id = client.create_run("0").info.run_id

    def log(step: int) -> None:
        for at in range(0, count, 1000):
            numbers = range(at, min(at + 1000, count))
            client.log_batch(run_id, [Metric(f"layer_{number}/gradient", 0.5, 1, step) for number in numbers])

    steps.take("log the first point", lambda: log(1), count)
    steps.take("log one more point", lambda: log(2), count)
    steps.take("MlflowClient.get_run", lambda: client.get_run(run_id), count)
    return steps.costs


SHAPES: tuple[tuple[str, str, Callable[[Options, int], Costs], tuple[int, int, int]], ...] = (
    ("{:,} keys of one run", "for each key", keys_of_one_run, (1000, 100_000, 1_000_000)),
    ("{:,} keys of an experiment", "for each key", keys_of_an_experiment, (1000, 12_000, 120_000)),
    ("rows of {:,} columns", "for each cell", wide_rows, (50, 500, 5_000)),
)


def medians(costs: list[Costs]) -> Costs:
    return {step: statistics.median(each[step] for each in costs) for step in costs[0]}


def rows(options: Options) -> Iterator[Row]:
    background.FOLD_SECONDS = 3600.0  # the background thread would take a part of the work of each step
    for name, unit, measured, sizes in SHAPES:
        size = options.pick(*sizes)
        small: list[Costs] = []
        large: list[Costs] = []
        for _ in range(options.repeats(3)):
            small.append(measured(options, size // 10))
            large.append(measured(options, size))
        theirs = mlflow_keys(options, options.pick(100, 1000, 10_000)) if measured is keys_of_one_run else {}
        few, many = medians(small), medians(large)
        for step, cost in many.items():
            yield Row("wide", f"{name.format(size)}: {step}, CPU {unit}", cost * 1e6, "µs",
                      name.format(size // 10), few[step] * 1e6, theirs.get(step, 0) * 1e6 or None,
                      at_most(GROWTH_LIMIT))  # fmt: skip


if __name__ == "__main__":
    main(__doc__, rows)
