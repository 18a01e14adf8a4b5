"""The store of a workspace on a server passes the conformance suite of journaled stores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from growing_server import TestServer

from bridge.store.http.backend import HttpBackend
from bridge.store.remote import RemoteStore
from bridge.testing.journaled import JournaledStoreTests

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[TestServer]:
    with TestServer() as server:
        yield server


class TestRemoteStore(JournaledStoreTests):
    @pytest.fixture
    def address(self, server: TestServer, tmp_path: Path) -> Iterator[str]:
        with server.workspace(tmp_path / "demo") as address:
            yield address

    @pytest.fixture
    def store(self, address: str, tmp_path: Path) -> Iterator[RemoteStore]:
        yield from opened(address, tmp_path / "journal")

    @pytest.fixture
    def other(self, store: RemoteStore, address: str, tmp_path: Path) -> Iterator[RemoteStore]:
        """A second process of the same computer."""
        yield from opened(address, tmp_path / "journal")


def opened(address: str, folder: Path) -> Iterator[RemoteStore]:
    folder.mkdir(exist_ok=True)
    server = HttpBackend(address)
    store = RemoteStore(server, folder, False, server.find_workspace_id())
    yield store
    store.close()
