"""A journal in front of the store in memory keeps every promise of a tracking store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from bridge.store.journaled import JournaledStore
from bridge.store.tracking import TrackingStore
from bridge.testing.machine import check_store
from bridge.testing.oracle.memory import MemoryStore
from bridge.testing.tracking import TrackingStoreTests


class TestJournaledMemoryStore(TrackingStoreTests):
    @pytest.fixture
    def inner(self) -> TrackingStore:
        return MemoryStore()

    @pytest.fixture
    def store(self, inner: TrackingStore, tmp_path: Path) -> Iterator[TrackingStore]:
        store = JournaledStore(inner, tmp_path / "journal")
        yield store
        store.close()

    @pytest.fixture
    def other(self, store: TrackingStore, inner: TrackingStore, tmp_path: Path) -> Iterator[TrackingStore]:
        other = JournaledStore(inner, tmp_path / "journal")
        yield other
        other.close()


@contextmanager
def new_store() -> Iterator[TrackingStore]:
    with TemporaryDirectory() as folder:
        store = JournaledStore(MemoryStore(), Path(folder))
        yield store
        store.close()


def test_any_order_of_calls_agrees_with_plain_dicts() -> None:
    check_store(new_store)
