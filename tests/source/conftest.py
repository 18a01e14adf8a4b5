"""A home folder for each test, because the cache of snapshots is stored there."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge import Experiment, Run, Workspace
from bridge.store.artifacts import ArtifactStore


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("BRIDGE_HOME", str(folder))
    for name in ("BRIDGE_SNAPSHOT_BYTES", "BRIDGE_SNAPSHOT_FILES", "AML_SNAPSHOT_NO_FILE_LIMIT"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace.create("source", path=tmp_path_factory.mktemp("workspace"))


@pytest.fixture
def artifacts(workspace: Workspace) -> ArtifactStore:
    return workspace.stores.artifacts


@pytest.fixture
def run(workspace: Workspace) -> Run:
    return Experiment(workspace, "source").start_logging(snapshot_directory=None)
