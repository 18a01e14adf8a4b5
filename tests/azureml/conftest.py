"""Old scripts in a clean folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from azureml_project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An old project folder, and an empty `$BRIDGE_HOME` elsewhere."""
    return Project(tmp_path / "project", tmp_path / "home")


@pytest.fixture
def script(project: Project) -> Callable[[str], list[str]]:
    """Run the text of an old script; gives the lines that it prints."""

    def run(text: str) -> list[str]:
        return project.run("script.py", text).splitlines()

    return run
