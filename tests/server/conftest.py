"""One workspace, and two servers of its page: one for its owner, one that is read-only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from asking import Asking

from bridge.server.portal_server import PortalServer
from bridge.server.roles import Role
from bridge.store.create import create_store
from bridge.store.workspace_stores import WorkspaceStores


@contextmanager
def _running(stores: WorkspaceStores, role: Role) -> Iterator[Asking]:
    server = PortalServer(stores, 0, role)
    thread = server.run_in_thread()
    yield Asking(server)
    server.stop()
    thread.join(20)
    assert not thread.is_alive()


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkspaceStores]:
    """A workspace."""
    stores = create_store(tmp_path_factory.mktemp("server") / "demo", "demo")
    yield stores
    stores.close()


@pytest.fixture(scope="session")
def owner(stores: WorkspaceStores) -> Iterator[Asking]:
    """A client of the owner's server."""
    with _running(stores, "admin") as asking:
        yield asking


@pytest.fixture(scope="session")
def reader(stores: WorkspaceStores) -> Iterator[Asking]:
    """A client of a server that is read-only."""
    with _running(stores, "reader") as asking:
        yield asking
