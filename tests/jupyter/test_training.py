"""A view does not disturb the training in its process: neither log calls nor forks, and it costs little."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from forked import Child

from bridge import Run
from bridge_jupyter import live
from bridge_jupyter.live import LiveView
from bridge_jupyter.subject import Subject
from bridge_jupyter.watcher import WATCHER


class Shown:
    """A view that the thread of this process updates."""

    def __init__(self, run: Run) -> None:
        self.messages: list[dict[str, Any]] = []
        subject = Subject(run)
        subject.refresh()
        self.live = LiveView(subject, lambda message, frames: self.messages.append(message))
        self.live.request({"kind": "ready", "view": "one"})
        WATCHER.add(self.live)

    def wait_for(self, kind: str, count: int) -> None:
        end = time.monotonic() + 30
        while sum(message["kind"] == kind for message in self.messages) < count:
            assert time.monotonic() < end, self.messages
            time.sleep(0.005)


@pytest.fixture
def shown(run: Run, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shown]:
    """A view of the run that is updated all the time."""
    monkeypatch.setattr(live, "PERIOD", 0.001)
    shown = Shown(run)
    yield shown
    WATCHER.remove(shown.live)
    for thread in threading.enumerate():
        if thread.name == "bridge-notebook":
            thread.join(10)


@pytest.mark.slow
def test_processes_can_be_forked_while_a_view_is_updated(run: Run, shown: Shown) -> None:
    """As by the data loaders of PyTorch. A child has neither the thread nor its locks."""

    def log(say: Any) -> None:
        run.log("child", 1.0)
        say(f"{WATCHER.is_running} {run.get_metrics('child')['child'] != []}")

    for number in range(20):
        run.log("loss", number)
        child = Child(log)
        assert child.line() == "False True"
        assert child.wait() == 0
    before = len(shown.messages)
    run.log("loss", 0.5)
    shown.wait_for("frame", 1)
    assert len(shown.messages) >= before


def test_every_logged_point_arrives_while_a_view_is_updated(run: Run, shown: Shown) -> None:
    shown.wait_for("frame", 1)
    for step in range(3000):
        run.log("fast", step, step=step)
    assert run.get_metrics("fast")["fast"] == list(range(3000))
    shown.wait_for("frame", 2)
    run.complete()
    shown.wait_for("state", 2)
    assert not [message for message in shown.messages if message["kind"] == "error"]


def test_a_view_survives_that_the_workspace_is_closed(run: Run, shown: Shown) -> None:
    shown.wait_for("frame", 1)
    run.complete()
    run.experiment.workspace.close()
    shown.wait_for("state", 2)
    assert not [message for message in shown.messages if message["kind"] == "error"]
