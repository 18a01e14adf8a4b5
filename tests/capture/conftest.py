"""Fixtures that run scripts in processes and folders of their own, and read their runs from this process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from both_places import PLACES, address_of, new_experiment, opened_at

from bridge import Experiment, Run, Workspace

Script = Callable[..., "subprocess.CompletedProcess[str]"]

BEGIN = """
import os, sys, time
from pathlib import Path
from bridge import Experiment, Run, Workspace
experiment = Experiment(Workspace.open({path!r}), {name!r})
"""


@pytest.fixture(params=PLACES)
def workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workspace]:
    with opened_at(request, tmp_path) as workspace:
        yield workspace


@pytest.fixture
def experiment(workspace: Workspace) -> Experiment:
    return new_experiment(workspace)


@pytest.fixture
def script(workspace: Workspace, experiment: Experiment, working_folder: Path) -> Script:
    """Return a function that runs a script with an experiment, and waits for its end."""

    def run(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", BEGIN.format(path=address_of(workspace), name=experiment.name) + code]
        return subprocess.run(
            command, env={**os.environ, **variables}, capture_output=True, text=True, timeout=60, cwd=working_folder
        )

    return run


@pytest.fixture
def only_run(experiment: Experiment) -> Callable[[], Run]:
    """Return the only run of the experiment."""

    def get() -> Run:
        (run,) = experiment.get_runs()
        return run

    return get
