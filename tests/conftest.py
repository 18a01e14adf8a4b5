"""Every test works in a folder of its own, for a run captures `outputs` and `logs` of the folder that it begins in, and
has a home of its own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def working_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("working")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("BRIDGE_HOME", str(tmp_path_factory.getbasetemp() / "home"))
    return folder
