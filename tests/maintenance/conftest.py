"""Fixtures of the tests of checks, backups and vacuum."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from filled import copy_of, fill

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


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with runs, points and files of all kinds, of which tests change copies."""
    path = tmp_path_factory.mktemp("template") / "work"
    fill(path)
    return path


@pytest.fixture
def work(template: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return copy_of(template, tmp_path / "work")
