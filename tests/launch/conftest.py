"""Fixtures that submit scripts as real processes, in folders of their own."""

from __future__ import annotations

import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from both_places import opened_at
from submitting import Submit

from bridge import Experiment, Workspace
from bridge.handles.script_run import ScriptRun
from bridge.launch.script import ScriptRunConfig
from bridge.records.run import TERMINAL_STATUSES


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files of this process and its children; environments are in another folder."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setenv("BRIDGE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


@pytest.fixture
def workspace(request: pytest.FixtureRequest, tmp_path: Path, temporary: Path) -> Iterator[Workspace]:
    """A workspace in a folder, or for tests with the mark `IN_BOTH_PLACES` also one on a server."""
    with opened_at(request, tmp_path) as workspace:
        yield workspace


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The folder of the scripts."""
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


@pytest.fixture
def submit(workspace: Workspace, source: Path, temporary: Path) -> Iterator[Submit]:
    """Return a function that writes a script, unless it is None, and submits it; runs still open are canceled."""
    runs: list[ScriptRun] = []

    def start(code: str | None, show_output: bool = False, **settings: Any) -> ScriptRun:
        if code is not None:
            (source / "train.py").write_text(textwrap.dedent(code), encoding="utf-8")
            settings.setdefault("script", "train.py")
        config = ScriptRunConfig(source, **settings)
        runs.append(Experiment(workspace, "submitted").submit(config, show_output=show_output))
        return runs[-1]

    yield start
    for run in runs:
        if run.status not in TERMINAL_STATUSES:
            run.cancel()
