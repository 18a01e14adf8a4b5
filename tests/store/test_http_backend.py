"""The store of a server, seen from a client, passes the conformance suite of backends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from growing_server import TestServer
from longer import SCALE

from bridge.store.backend import Backend
from bridge.store.http.backend import HttpBackend
from bridge.testing.backend import BackendTests
from bridge.testing.machine import check_store

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[TestServer]:
    with TestServer() as server:
        yield server


def test_any_order_of_calls_agrees_with_plain_dicts(server: TestServer) -> None:
    @contextmanager
    def new_store() -> Iterator[Backend]:
        with TemporaryDirectory() as folder, server.workspace(Path(folder, "demo")) as address:
            store = HttpBackend(address)
            yield store
            store.close()

    check_store(new_store, examples=10 * SCALE)


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
