"""Fixtures that run a test twice: with a workspace in a folder, and with a client of a server in another process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import cycle, islice
from pathlib import Path
from uuid import uuid4

import pytest
from served_workspaces import served

from bridge import BridgeError, Experiment, Run, Workspace
from bridge.capture.session import _open
from bridge.store import open_stores

PLACES = ("folder", pytest.param("server", marks=[pytest.mark.slow, pytest.mark.processes]))
"""The values of the fixture `workspace`."""
IN_A_FOLDER = pytest.mark.parametrize("workspace", ["folder"], indirect=True)
"""Marks a test of the files of a workspace."""
IN_BOTH_PLACES = pytest.mark.parametrize("workspace", PLACES, indirect=True)
"""Marks a test that runs with a workspace on a server, too, in a file whose other tests do not."""
OLD_SCRIPTS_IN_BOTH_PLACES = pytest.mark.parametrize("project", PLACES, indirect=True)
"""Marks a test that runs scripts of the old SDK with a workspace on a server, too."""
SHARED = 8
"""The number of workspaces of the server, so that neighbouring tests have different ones."""
EMPTY = 48
"""The number of workspaces of the server that one test each uses alone."""


@pytest.fixture(scope="session")
def served_addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Iterator[str]]:
    """The addresses of the workspaces of one server, again and again."""
    folder = tmp_path_factory.mktemp("server")
    folders = {f"work{number}": folder / f"work{number}" for number in range(SHARED)}
    for name, place in folders.items():
        Workspace.create(name, path=place).close()
    with served(folders, folder / "log", "--mlflow", "off") as server:
        yield cycle([server.at(name) for name in folders])


@pytest.fixture(scope="session")
def empty_addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Iterator[str]]:
    """The addresses of workspaces of one server. Each is used once, by a test that needs an empty workspace."""
    folder = tmp_path_factory.mktemp("empty")
    folders = {f"empty{number}": folder / f"empty{number}" for number in range(EMPTY)}
    for name, place in folders.items():
        Workspace.create(name, path=place).close()
    with served(folders, folder / "log", "--mlflow", "off") as server:
        yield iter([server.at(name) for name in folders])


@contextmanager
def opened_at(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workspace]:
    """Open the workspace of a fixture: a new one in a folder, or one on the server, which other tests use, too."""
    if getattr(request, "param", "folder") == "folder":
        yield Workspace.create("work", path=tmp_path / "work")
        return
    addresses = islice(request.getfixturevalue("served_addresses"), SHARED)
    # A store that an earlier test has left open uses the journals below the BRIDGE_HOME of that test.
    in_use = {address for address, *_ in open_stores._stores}
    with Workspace.open(next(one for one in addresses if one not in in_use)) as workspace, no_open_runs(workspace):
        yield workspace


@contextmanager
def no_open_runs(*workspaces: Workspace) -> Iterator[None]:
    """Complete the runs that a test has left open, before their server ends."""
    before = set(_open)
    yield
    for run_id in _open.keys() - before:
        for workspace in workspaces:
            with suppress(BridgeError):  # a test has deleted the run, or it is in another workspace
                Run.get(workspace, run_id).complete()


def new_experiment(workspace: Workspace) -> Experiment:
    """Return an experiment that no other test uses."""
    return Experiment(workspace, f"test-{uuid4().hex}")


def address_of(workspace: Workspace) -> str:
    """Return the address with which another process opens a workspace."""
    return workspace.stores.address
