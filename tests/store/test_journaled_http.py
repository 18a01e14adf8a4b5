"""The store of a server behind a journal of the client passes the conformance suite of journaled stores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from growing_server import TestServer

from bridge.store.http.backend import HttpBackend
from bridge.store.journaled import JournaledStore
from bridge.testing.journaled import JournaledStoreTests


@pytest.fixture(scope="module")
def server() -> Iterator[TestServer]:
    with TestServer() as server:
        yield server


@pytest.mark.slow
class TestJournaledHttpBackend(JournaledStoreTests):
    @pytest.fixture
    def address(self, server: TestServer, tmp_path: Path) -> Iterator[str]:
        with server.workspace(tmp_path / "demo") as address:
            yield address

    @pytest.fixture
    def store(self, address: str, tmp_path: Path) -> Iterator[JournaledStore]:
        store = JournaledStore(HttpBackend(address), tmp_path / "journal")
        yield store
        store.close()

    @pytest.fixture
    def other(self, store: JournaledStore, address: str, tmp_path: Path) -> Iterator[JournaledStore]:
        other = JournaledStore(HttpBackend(address), tmp_path / "journal")
        yield other
        other.close()
