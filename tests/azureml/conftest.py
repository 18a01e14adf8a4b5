"""Fixtures that run Azure ML scripts in a clean folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from azureml_project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project folder of Azure ML, and an empty `$BRIDGE_HOME` in another folder."""
    return Project(tmp_path / "project", tmp_path / "home")


@pytest.fixture
def script(project: Project) -> Callable[[str], list[str]]:
    """Return a function that runs the text of an Azure ML script and returns the lines that it prints."""

    def run(text: str) -> list[str]:
        return project.run("script.py", text).splitlines()

    return run
