"""A value that is logged twice, or by two processes at the same time, is stored once and raises no error."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from forked import Fork
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelInput, LoggedModelOutput, Metric, Param, RunTag

from bridge_mlflow.tracking_store import BridgeTrackingStore

POINTS = 200


@pytest.mark.parametrize("value", [1.5, -0.0, math.nan, math.inf])
def test_a_point_logged_twice_is_stored_once(uri: str, value: float) -> None:
    client = MlflowClient(uri)
    run = client.create_run("0").info.run_id
    for _ in range(2):
        client.log_metric(run, "loss", value, timestamp=5, step=3)
    client.log_batch(run, [Metric("loss", value, 5, 3)] * 2)
    (point,) = client.get_metric_history(run, "loss")
    assert (point.step, point.timestamp) == (3, 5)
    assert client.get_run(run).data.metrics.keys() == {"loss"}


def test_a_request_that_is_sent_twice_changes_nothing(uri: str) -> None:
    store = BridgeTrackingStore(uri)
    run = store.create_run("0", "ada", 1, [], "run").info.run_id
    points = [Metric("loss", value, 5, step) for step, value in enumerate((1.0, math.nan, math.inf, 0.5))]
    data = DatasetInput(Dataset("digits", "d1", "local", "here"), [InputTag("mlflow.data.context", "train")])

    def send() -> dict[str, Any]:
        store.log_batch(run, points, [Param("depth", "3")], [RunTag("team", "vision"), RunTag("mlflow.runName", "new")])
        store.log_inputs(run, [data], [LoggedModelInput("m-1")])
        store.log_outputs(run, [LoggedModelOutput("m-2", 1)])
        store.update_run_info(run, 3, 9, None)
        store.delete_run(run)
        store.restore_run(run)
        history = [(point.step, point.timestamp, repr(point.value)) for point in store.get_metric_history(run, "loss")]
        kept = store.get_run(run)
        return {"points": history, "data": repr(kept.to_dictionary()), "info": vars(kept.info)}

    first = send()
    assert len(first["points"]) == len(points)
    assert send() == first


def test_values_that_two_processes_log_at_once_are_stored_once(uri: str, tmp_path: Path, fork: Fork) -> None:
    client = MlflowClient(uri)
    run = client.create_run("0").info.run_id
    begin = tmp_path / "begin"

    def write(mine: str, say: Callable[[str], None]) -> None:
        own = MlflowClient(uri)
        own.get_run(run)
        say("ready")
        while not begin.exists():
            time.sleep(0.001)
        data = DatasetInput(Dataset("digits", "d1", "local", "here"), [InputTag("mlflow.data.context", "train")])
        for step in range(POINTS):
            own.log_metric(run, "same", step / 7, timestamp=step, step=step)
            own.log_metric(run, mine, float(step), timestamp=step, step=step)
            if step % 20 == 0:
                points = [Metric("batch", 1.0, step, step)]
                own.log_batch(run, points, [Param(f"p{step}", "1")], [RunTag("t", str(step))])
                own.log_inputs(run, [data])

    writers = [fork(partial(write, mine)) for mine in ("one", "other")]
    assert [writer.line() for writer in writers] == ["ready", "ready"]
    begin.touch()
    assert [writer.wait() for writer in writers] == [0, 0]
    for key in ("same", "one", "other"):
        assert [point.step for point in client.get_metric_history(run, key)] == list(range(POINTS))
    kept = client.get_run(run)
    assert [point.step for point in client.get_metric_history(run, "batch")] == list(range(0, POINTS, 20))
    assert kept.data.params == {f"p{step}": "1" for step in range(0, POINTS, 20)}
    assert [given.dataset.name for given in kept.inputs.dataset_inputs] == ["digits"]


@pytest.mark.slow
def test_values_that_threads_log_at_once_are_stored_once(uri: str) -> None:
    client = MlflowClient(uri)
    run = client.create_run("0").info.run_id
    failed: list[BaseException] = []

    def write() -> None:
        try:
            for step in range(POINTS):
                client.log_batch(
                    run, [Metric("loss", 1.0, step, step)], [Param(f"p{step % 9}", "1")], [RunTag("t", "1")]
                )
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert [point.step for point in client.get_metric_history(run, "loss")] == list(range(POINTS))
    assert client.get_run(run).data.params == {f"p{number}": "1" for number in range(9)}
