"""Fixtures that run scripts in processes and folders of their own, and read their runs from this process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge import Experiment, Run, Workspace

Script = Callable[..., "subprocess.CompletedProcess[str]"]

BEGIN = """
import os, sys, time
from pathlib import Path
from bridge import Experiment, Run, Workspace
experiment = Experiment(Workspace.open({path!r}), "capture")
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create("work", path=tmp_path / "work")


@pytest.fixture
def experiment(workspace: Workspace) -> Experiment:
    return Experiment(workspace, "capture")


@pytest.fixture
def script(workspace: Workspace, working_folder: Path) -> Script:
    """Return a function that runs a script with an experiment, and waits for its end."""

    def run(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", BEGIN.format(path=str(workspace.path)) + code]
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
