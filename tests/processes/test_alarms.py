"""A time limit, which is a signal handler that raises `TimeoutError`, hits thousands of calls at random moments."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric

from bridge import Experiment, Run, Workspace

pytestmark = pytest.mark.processes

SECONDS = 0.0006
"""The longest time from the start of a call to its alarm. A call takes a few microseconds to a millisecond."""


class OutOfTime(KeyboardInterrupt):
    """An exception that is not an `Exception`, like that of Ctrl-C."""


@pytest.fixture(params=[TimeoutError, OutOfTime])
def error(request: pytest.FixtureRequest) -> Iterator[type[BaseException]]:
    def raise_it(*_: object) -> None:
        raise request.param

    before = signal.signal(signal.SIGALRM, raise_it)
    yield request.param
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def native(run: Run) -> Callable[[int], object]:
    return lambda number: run.log("a", number)


def texts(run: Run) -> Callable[[int], object]:
    return lambda number: run.log("a", str(number))


def rows(run: Run) -> Callable[[int], object]:
    return lambda number: run.log_row("a", x=number, y=f"{number}")


def through_mlflow(run: Run) -> Callable[[int], object]:
    client = MlflowClient(run.experiment.workspace.get_mlflow_tracking_uri())
    return lambda number: client.log_metric(run.id, "a", number, timestamp=number, step=number)


def batches(run: Run) -> Callable[[int], object]:
    client = MlflowClient(run.experiment.workspace.get_mlflow_tracking_uri())
    return lambda number: client.log_batch(
        run.id, [Metric("a", number, number, number), Metric("b", number, number, 0)]
    )


def logged(run: Run) -> list[int]:
    found = run.get_metrics("a")["a"]
    values = found["x"] if isinstance(found, dict) else found
    return [int(value) for value in values]


@pytest.mark.parametrize("way", [native, texts, rows, through_mlflow, batches])
def test_an_alarm_leaves_its_call_and_its_point_is_stored_once_or_not_at_all(tmp_path: Path, error, way):
    run = Experiment(Workspace.create("work", path=tmp_path / "work"), "alarms").start_logging(
        outputs=False, snapshot_directory=None
    )
    call = way(run)
    call(0)
    chance = random.Random(7)
    returned, interrupted, alarms = [0], [], 0
    end = time.monotonic() + 60
    number = 1
    while alarms < 300 and time.monotonic() < end:
        try:
            signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.000_01, SECONDS))
            call(number)
            returned.append(number)
            signal.setitimer(signal.ITIMER_REAL, 0)
        except error:
            alarms += 1
            if returned[-1] != number:
                interrupted.append(number)
        number += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert alarms >= 100
    run.flush()
    values = logged(run)
    times = Counter(values)
    assert [one for one in returned if times[one] != 1] == []
    assert [one for one in interrupted if times[one] > 1] == []
    assert set(values) <= {*returned, *interrupted}
    if way is not batches:
        assert values == sorted(values)
    run.complete()
    assert run.status == "Completed"
