"""Every test works in a folder of its own, for a run captures `outputs` and `logs` of the folder that it begins in, and
has a home of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from forked import Child


@pytest.fixture(autouse=True)
def working_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("working")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("BRIDGE_HOME", str(tmp_path_factory.getbasetemp() / "home"))
    return folder


@pytest.fixture
def fork() -> Iterator[Callable[[Callable[[Callable[[str], None]], None]], Child]]:
    """Starts children; those that are left are killed at the end."""
    import mlflow  # noqa: F401  imported once here, not in every child
    import numpy  # noqa: F401

    children: list[Child] = []

    def start(function: Callable[[Callable[[str], None]], None]) -> Child:
        children.append(Child(function))
        return children[-1]

    yield start
    for child in children:
        child.close()
