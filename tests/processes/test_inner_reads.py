"""Code that interrupts a read and reads too gets a result or an error of ours, but never waits for the outer read."""

from __future__ import annotations

import gc
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bridge import BridgeError, Experiment, Run, Workspace

pytestmark = pytest.mark.processes

READS: dict[str, Callable[[Run], object]] = {
    "metrics": lambda run: run.get_metrics(),
    "status": lambda run: run.status,
    "tags": lambda run: run.get_tags(),
    "a new tag": lambda run: run.tag("inner", "value"),
    "a log call": lambda run: run.log("inner", 1),
    "runs": lambda run: list(run.experiment.get_runs()),
}


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    run = Experiment(Workspace.create("work", path=tmp_path / "work"), "inner").start_logging(
        outputs=False, snapshot_directory=None
    )
    yield run
    run.complete()


class Inner:
    """The inner calls: how they ended, and the longest duration."""

    def __init__(self, run: Run, call: Callable[[Run], object]) -> None:
        self.run, self.call = run, call
        self.answered = self.refused = 0
        self.longest = 0.0

    def __call__(self, *_: object) -> None:
        begun = time.monotonic()
        try:
            self.call(self.run)
            self.answered += 1
        except BridgeError:
            self.refused += 1
        self.longest = max(self.longest, time.monotonic() - begun)


@pytest.mark.parametrize("read", READS)
def test_a_signal_handler_that_reads_never_waits_for_the_read_that_it_interrupted(run: Run, read: str):
    inner = Inner(run, READS[read])
    before = signal.signal(signal.SIGALRM, inner)
    try:
        run.log("a", 0)
        inner()  # imported before, because a handler that interrupts an import gets an incomplete module
        signal.setitimer(signal.ITIMER_REAL, 0.003, 0.007)
        end = time.monotonic() + 4
        number = 0
        while time.monotonic() < end:
            number += 1
            run.log("a", number)
            assert run.get_metrics("a")["a"][-1] == number
            run.tag("outer", str(number))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert inner.answered + inner.refused > 20
    assert inner.longest < 8
    assert run.get_metrics("a")["a"] == list(range(number + 1))
    assert run.get_tags()["outer"] == str(number)


def test_a_logging_handler_that_reads_never_waits_for_the_fold_that_logs(run: Run):
    """A fold reports damage through `logging`, so it calls the handlers of a user."""
    inner = Inner(run, READS["metrics"])

    class Reader(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            inner()

    handler = Reader()
    logger = logging.getLogger("bridge")
    logger.addHandler(handler)
    try:
        for number in range(10):
            run.log("a", number)
        (path,) = (Path(run.experiment.workspace.path) / "journal").glob("*.log")
        data = bytearray(path.read_bytes())
        data[-100] ^= 0xFF
        with path.open("r+b") as file:
            file.write(data)
        assert len(run.get_metrics("a")["a"]) == 9
    finally:
        logger.removeHandler(handler)
    assert inner.answered + inner.refused > 0
    assert inner.longest < 8


def test_a_finalizer_that_reads_never_waits_for_the_read_that_it_interrupted(run: Run):
    inner = Inner(run, READS["metrics"])

    class Garbage:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            inner()

    thresholds = gc.get_threshold()
    gc.set_threshold(50)
    done: list[int] = []

    def work() -> None:
        for number in range(150):
            Garbage()
            run.log("a", number)
            done.append(len(run.get_metrics("a")) if number else 0)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(100)
    gc.set_threshold(*thresholds)
    assert len(done) == 150
    assert inner.answered + inner.refused > 10
