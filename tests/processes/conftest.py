"""Fixtures of the tests with many processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from forked import Fork
from longer import SCALE

from bridge import Experiment, Run, Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create("work", path=tmp_path / "work")


@pytest.fixture
def run(workspace: Workspace) -> Iterator[Run]:
    run = Experiment(workspace, "processes").start_logging()
    yield run
    run.complete()


@pytest.fixture(scope="session")
def scale() -> int:
    return SCALE


@pytest.fixture
def fork(fork: Fork) -> Fork:
    """Start children of a process that has imported MLflow, so that none of them has to."""
    import mlflow  # noqa: F401

    return fork
