"""The in-memory store behind a journal passes the conformance suite of tracking stores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from longer import SCALE

from bridge.store.backend import Backend
from bridge.store.journaled import JournaledStore
from bridge.testing.journaled import JournaledStoreTests
from bridge.testing.machine import check_store
from bridge.testing.oracle.memory import MemoryStore


class TestJournaledMemoryStore(JournaledStoreTests):
    @pytest.fixture
    def inner(self) -> Backend:
        return MemoryStore()

    @pytest.fixture
    def store(self, inner: Backend, tmp_path: Path) -> Iterator[JournaledStore]:
        store = JournaledStore(inner, tmp_path / "journal")
        yield store
        store.close()

    @pytest.fixture
    def other(self, store: JournaledStore, inner: Backend, tmp_path: Path) -> Iterator[JournaledStore]:
        other = JournaledStore(inner, tmp_path / "journal")
        yield other
        other.close()


@contextmanager
def new_store() -> Iterator[JournaledStore]:
    with TemporaryDirectory() as folder:
        store = JournaledStore(MemoryStore(), Path(folder))
        yield store
        store.close()


def test_any_order_of_calls_agrees_with_plain_dicts() -> None:
    check_store(new_store, examples=30 * SCALE)
