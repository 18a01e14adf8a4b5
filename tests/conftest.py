"""Every test works in a folder of its own, for a run captures `outputs` and `logs` of the folder that it begins in, and
has a home of its own."""

from __future__ import annotations

import gc
import re
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from forked import Child

from bridge.store import journaled

_numbers = count()
_frozen = 0


def pytest_collection_finish() -> None:
    _leave_modules_to_themselves()


def pytest_runtest_setup() -> None:
    if len(sys.modules) > _frozen + 200:  # MLflow and torch import much when a test first needs it
        _leave_modules_to_themselves()


def _leave_modules_to_themselves() -> None:
    """Keep what is imported out of every later collection of garbage, which takes half a second with it."""
    global _frozen
    gc.collect()
    gc.freeze()
    _frozen = len(sys.modules)


@pytest.fixture(autouse=True)
def working_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.getbasetemp() / f"working{next(_numbers)}"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("BRIDGE_HOME", str(tmp_path_factory.getbasetemp() / "home"))
    return folder


@pytest.fixture(autouse=True)
def no_stores_of_others() -> Iterator[None]:
    """After a test the background leaves its stores alone: what a later test counts or replaces is its own."""
    yield
    background = journaled.background
    with background._lock:
        for store in list(background._stores):
            background.remove(store)
            store.is_tended = False  # one that outlives the test is tended again from its next call on


@pytest.fixture
def untended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing happens to workspaces in the background, here or in a child: a test says who folds, and when."""
    monkeypatch.setattr(journaled.JournaledStore, "_be_tended", lambda self: None)


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of its own; pytest's looks at the folders of all tests before to find a free name."""
    name = re.sub(r"\W", "_", request.node.name)[:30]
    folder = tmp_path_factory.getbasetemp() / f"{name}{next(_numbers)}"
    folder.mkdir(mode=0o700)
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
