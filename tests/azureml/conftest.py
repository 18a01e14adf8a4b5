"""Fixtures that run Azure ML scripts in a clean folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from azureml_project import Project
from both_places import no_open_runs, opened_at

from bridge import Workspace


@pytest.fixture
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Project:
    """A project folder of Azure ML, and an empty `$BRIDGE_HOME` in another folder.

    With the parameter `server`, the configuration file names a workspace on a server. Otherwise, it names one that does
    not exist yet, and which the scripts create in `$BRIDGE_HOME`.
    """
    project = Project(tmp_path / "project", tmp_path / "home")
    if getattr(request, "param", "folder") == "server":
        (project.folder / "config.json").unlink()
        with Workspace.open(next(request.getfixturevalue("empty_addresses"))) as workspace:
            workspace.write_config(project.folder)
    return project


@pytest.fixture
def script(project: Project) -> Callable[[str], list[str]]:
    """Return a function that runs the text of an Azure ML script and returns the lines that it prints."""

    def run(text: str) -> list[str]:
        return project.run("script.py", text).splitlines()

    return run


@pytest.fixture
def ws(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workspace]:
    """A workspace in a folder, or for tests with the parameter `server` one on a server."""
    with opened_at(request, tmp_path) as workspace, no_open_runs(workspace):
        yield workspace
