"""Once an asynchronous logging call has returned, its values are stored, even if the process is killed."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable

import mlflow
import pytest
from forked import Child, Fork
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

pytestmark = [pytest.mark.processes, pytest.mark.filterwarnings("ignore:.*")]  # warnings of Lightning and torch

LOGGED_AT_MOST = 1_000_000
KILLED_AFTER_SECONDS = 0.15
Log = Callable[[int], object]
Api = Callable[[str, str], Log]


def by_the_fluent_interface(uri: str, run_id: str) -> Log:
    mlflow.set_tracking_uri(uri)
    mlflow.start_run(run_id=run_id)
    return lambda number: mlflow.log_metric("point", number, step=number, timestamp=1 + number, synchronous=False)


def by_fluent_metrics_with_asynchronous_logging_on(uri: str, run_id: str) -> Log:
    mlflow.set_tracking_uri(uri)
    mlflow.config.enable_async_logging()
    mlflow.start_run(run_id=run_id)
    return lambda number: mlflow.log_metrics({"point": number}, step=number, timestamp=1 + number)


def by_batches_of_the_client(uri: str, run_id: str) -> Log:
    client = MlflowClient(uri)
    return lambda number: client.log_batch(run_id, [Metric("point", number, number, number)], synchronous=False)


def by_single_metrics_of_the_client(uri: str, run_id: str) -> Log:
    client = MlflowClient(uri)
    return lambda number: client.log_metric(run_id, "point", number, number, number, synchronous=False)


def by_the_logger_of_lightning(uri: str, run_id: str) -> Log:
    from pytorch_lightning.loggers import MLFlowLogger

    logger = MLFlowLogger(run_id=run_id, tracking_uri=uri, synchronous=False)
    return lambda number: logger.log_metrics({"point": number}, number)


APIS = [
    by_the_fluent_interface,
    by_fluent_metrics_with_asynchronous_logging_on,
    by_batches_of_the_client,
    by_single_metrics_of_the_client,
    by_the_logger_of_lightning,
]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("api", APIS)
def test_no_point_is_lost_whose_asynchronous_call_has_returned(
    api: Api, number: signal.Signals, fork: Fork, uri: str
) -> None:
    """All points that the process reported are stored once and in order, with at most one more."""
    if api is by_the_logger_of_lightning:
        import pytorch_lightning.loggers  # noqa: F401  # once here, not in every child
    chance, client, acknowledged = random.Random(f"{api.__name__} {number}"), MlflowClient(uri), 0
    for _ in range(10):
        run_id = client.create_run("0").info.run_id
        child = fork(lambda say, run_id=run_id: _log_and_say(api(uri, run_id), say))
        said = _said_until_it_ends(child, number, chance)
        steps = [point.step for point in client.get_metric_history(run_id, "point")]
        assert steps == list(range(len(steps)))
        assert said <= len(steps) <= said + 1
        acknowledged += said
    assert acknowledged >= 50  # enough calls were in progress


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda number: number.name)
def test_no_param_and_no_tag_is_lost_whose_asynchronous_call_has_returned(
    number: signal.Signals, fork: Fork, uri: str
) -> None:
    chance, client = random.Random(int(number)), MlflowClient(uri)
    run_id = client.create_run("0").info.run_id

    def log(index: int) -> None:
        own.log_batch(run_id, params=[Param(f"p{index}", "1")], tags=[RunTag(f"t{index}", "1")], synchronous=False)

    own = MlflowClient(uri)
    said = _said_until_it_ends(fork(lambda say: _log_and_say(log, say)), number, chance)
    data = client.get_run(run_id).data
    tags = {key for key in data.tags if key != "mlflow.runName"}
    assert said <= len(data.params) <= said + 1
    assert set(data.params) == {f"p{index}" for index in range(len(data.params))}
    assert tags == {f"t{index}" for index in range(len(data.params))}


def _log_and_say(log: Log, say: Callable[[str], None]) -> None:
    for index in range(LOGGED_AT_MOST):
        log(index)
        say(str(index))


def _said_until_it_ends(child: Child, number: signal.Signals, chance: random.Random) -> int:
    """Send a signal to a process at a random moment after its first call; return the number of reported calls."""
    child.line()
    time.sleep(chance.random() * KILLED_AFTER_SECONDS)
    child.kill(number)
    said = 1 + len(child.rest())
    assert child.wait() == -number
    child.close()
    return said
