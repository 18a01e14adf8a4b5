"""Fixtures of the tests of backups and of vacuum."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge import Experiment, Run, Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.create("work", path=tmp_path / "work") as workspace:
        yield workspace


@pytest.fixture
def run(workspace: Workspace) -> Iterator[Run]:
    run = Experiment(workspace, "kept").start_logging(outputs=False, snapshot_directory=None)
    yield run
    run.complete()
