"""A run, and a function that creates views of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from recorded_view import Clock, MakeView, Recorded

from bridge import Experiment, Run, Workspace
from bridge_jupyter import live


@pytest.fixture
def experiment(tmp_path: Path) -> Iterator[Experiment]:
    """An experiment in a new workspace."""
    workspace = Workspace.create("work", path=tmp_path / "work")
    yield Experiment(workspace, "digits")
    workspace.close()


@pytest.fixture
def run(experiment: Experiment) -> Run:
    """A run that has logged the metric `loss` at the steps 0 to 9."""
    run = experiment.start_logging(snapshot_directory=None)
    for step in range(10):
        run.log("loss", 1 / (1 + step), step=step)
    return run


@pytest.fixture
def view() -> MakeView:
    """A function that creates a view whose messages are recorded."""
    return Recorded


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of all views of the test."""
    clock = Clock()
    monkeypatch.setattr(live, "time", clock)
    return clock
