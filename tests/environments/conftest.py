"""A home folder for each test, because virtual environments and import folders are stored there."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge import Workspace


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("BRIDGE_HOME", str(folder))
    return folder


@pytest.fixture
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace.create("environments", path=tmp_path_factory.mktemp("workspace"))
