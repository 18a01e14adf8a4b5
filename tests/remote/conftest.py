"""A workspace on a server in a process of its own, and the same workspace in its folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from away_server import AwayServer
from renewed_token import RenewedToken
from server_site import ServerSite, server_site

from bridge import Experiment, Run, Workspace
from bridge.errors import BridgeError
from bridge.store.remote import RemoteStore
from bridge.store.token import FILE_VARIABLE, MLFLOW_VARIABLE, VARIABLE


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Workspace]:
    """The workspace in its folder. The server has the same folder open."""
    with Workspace.create("demo", path=tmp_path / "demo") as workspace:
        yield workspace


@pytest.fixture
def server(local: Workspace, tmp_path: Path) -> Iterator[AwayServer]:
    with AwayServer(local.path, tmp_path / "server.log") as server:
        yield server


@pytest.fixture
def remote(server: AwayServer) -> Iterator[Workspace]:
    """The workspace, seen from a client of the server."""
    workspace = Workspace.open(server.address)
    tracking = workspace.stores.tracking
    assert isinstance(tracking, RemoteStore)
    tracking.server.connection.patience_seconds = 2.0
    yield workspace
    server.proxy.fail("none")
    workspace.close()


@pytest.fixture
def run(remote: Workspace) -> Iterator[Run]:
    """A run of this process, without a snapshot and outputs."""
    run = Experiment(remote, "away").start_logging(outputs=False, snapshot_directory=None)
    yield run
    with suppress(BridgeError):  # a test has ended it, or has left its server broken
        run.complete()


@pytest.fixture
def site(local: Workspace, tmp_path: Path) -> Iterator[ServerSite]:
    with server_site({"demo": local.stores}, tmp_path / "server home") as site:
        yield site


@pytest.fixture
def token(site: ServerSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RenewedToken:
    token = RenewedToken(site, tmp_path / "token.json")
    token.renew()
    for variable in (VARIABLE, MLFLOW_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv(FILE_VARIABLE, str(token.file))
    return token
