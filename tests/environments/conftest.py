"""A home of its own for each test: virtual environments and import folders are kept there."""

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
