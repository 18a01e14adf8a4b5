"""Fixtures: a workspace and a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from bridge import Experiment, InvalidState, Run, Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create("work", path=tmp_path / "work")


@pytest.fixture
def run(workspace: Workspace) -> Iterator[Run]:
    run = Experiment(workspace, "digits").start_logging(snapshot_directory=None, outputs=False)
    yield run
    with suppress(InvalidState):  # a test has deleted the run
        run.complete()
