"""Measure many runs with many points each. The yardstick is the same workspace with one point for each series.

MLflow's SQLite store has the same runs and points (only at the size short; more points would take it hours).
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from benchmarks.harness.command import Options, main
from benchmarks.harness.measure import Case, measure
from benchmarks.harness.places import fold, new_mlflow_uri, new_workspace, tracking_of
from benchmarks.harness.rows import Row, at_most
from bridge import Workspace
from bridge.records.run import RunRecord, new_run_id

if TYPE_CHECKING:
    from mlflow import MlflowClient

OPENS = """
import sys
from bridge import Workspace
workspace = Workspace.open(sys.argv[1])
assert workspace.get_run(sys.argv[2]).status
"""

CHART_RUNS = 10
"""The number of runs in one chart."""


def make(options: Options, run_ids: list[str], points: int) -> Workspace:
    """Create a workspace with runs that have `points` points each, which are folded."""
    workspace = new_workspace(options)
    tracking = tracking_of(workspace)
    for at in range(0, len(run_ids), 500):
        tracking.create_runs([RunRecord(run_id, "0") for run_id in run_ids[at : at + 500]])
    for number, run_id in enumerate(run_ids):
        for step in range(points):
            tracking.log(run_id, "loss", number + step / points, 1_700_000_000_000 + step, step)
        if number % max(1, 500_000 // points) == 0:
            fold(workspace)
    fold(workspace)
    return workspace


def make_mlflow(options: Options, count: int, points: int) -> tuple[MlflowClient, list[str]]:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

    client = MlflowClient(new_mlflow_uri(options))
    run_ids = [client.create_run("0").info.run_id for _ in range(count)]
    for number, run_id in enumerate(run_ids):
        for at in range(0, points, 1000):
            steps = range(at, min(at + 1000, points))
            client.log_batch(run_id, [Metric("loss", number + step / points, 1, step) for step in steps])
    return client, run_ids


def actions(client: MlflowClient, run_ids: list[str]) -> dict[str, Callable[[int], object]]:
    """Return what is measured in each store: calls of MLflow's client, and the call of MLflow's page for a chart."""
    store, first = client._tracking_client.store, run_ids[:CHART_RUNS]

    def log(number: int) -> None:
        client.log_metric(run_ids[0], "new", number, timestamp=1, step=number)
        if client.get_run(run_ids[0]).data.metrics["new"] != number:
            raise RuntimeError("the last value is missing")

    return {
        "log a point and read it": log,
        "search, ordered by a metric": lambda _: client.search_runs(
            ["0"], "metrics.loss > 5", max_results=50, order_by=["metrics.loss DESC"]
        ),
        f"a chart of {CHART_RUNS} runs": lambda _: store.get_metric_history_bulk_interval(
            run_ids=first, metric_key="loss", max_results=320, start_step=None, end_step=None
        ),
    }


def opening(workspace: Workspace, run_id: str) -> Callable[[int], object]:
    command = [sys.executable, "-c", OPENS, str(workspace.path), run_id]
    return lambda _: subprocess.run(command, check=True)


def rows(options: Options) -> Iterator[Row]:
    from mlflow import MlflowClient

    count, points = options.pick((20, 20), (100, 100), (10_000, 10_000))
    run_ids = [new_run_id() for _ in range(count)]
    many, few = make(options, run_ids, points), make(options, run_ids, 1)
    calls = {
        "many": actions(MlflowClient(many.get_mlflow_tracking_uri()), run_ids),
        "few": actions(MlflowClient(few.get_mlflow_tracking_uri()), run_ids),
    }
    calls["many"]["open, in a new process"] = opening(many, run_ids[0])
    calls["few"]["open, in a new process"] = opening(few, run_ids[0])
    if options.size != "long":
        calls["mlflow"] = actions(*make_mlflow(options, count, points))
    for action in calls["many"]:
        times = measure(
            {name: Case(own[action]) for name, own in calls.items() if action in own}, options.repeats(15)
        )  # fmt: skip
        is_process = "process" in action
        of = {name: (found.wall if is_process else options.seconds(found)) * 1e3 for name, found in times.items()}
        yield Row("9", f"{action}: {count:,} runs with {points:,} points", of["many"], "ms",
                  "one point for each run", of["few"], of.get("mlflow"), at_most(2))  # fmt: skip


if __name__ == "__main__":
    main(__doc__, rows)
