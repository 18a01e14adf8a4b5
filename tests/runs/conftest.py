"""Fixtures: a workspace and a run, in a folder and on a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from both_places import PLACES, new_experiment, opened_at

from bridge import InvalidState, Run, Workspace


@pytest.fixture(params=PLACES)
def workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workspace]:
    with opened_at(request, tmp_path) as workspace:
        yield workspace


@pytest.fixture
def run(workspace: Workspace) -> Iterator[Run]:
    run = new_experiment(workspace).start_logging(snapshot_directory=None, outputs=False)
    yield run
    with suppress(InvalidState):  # a test has deleted the run
        run.complete()
