"""The store of a server, seen from a client, passes the conformance suite of backends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from growing_server import TestServer

from bridge.store.backend import Backend
from bridge.store.http.backend import HttpBackend
from bridge.testing.backend import BackendTests


@pytest.fixture(scope="module")
def server() -> Iterator[TestServer]:
    with TestServer() as server:
        yield server


@pytest.mark.slow
class TestHttpBackend(BackendTests):
    @pytest.fixture
    def address(self, server: TestServer, tmp_path: Path) -> Iterator[str]:
        with server.workspace(tmp_path / "demo") as address:
            yield address

    @pytest.fixture
    def store(self, address: str) -> Iterator[Backend]:
        store = HttpBackend(address)
        yield store
        store.close()

    @pytest.fixture
    def other(self, store: Backend, address: str) -> Iterator[Backend]:
        other = HttpBackend(address)
        yield other
        other.close()
