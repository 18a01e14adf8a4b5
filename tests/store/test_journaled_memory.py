"""A journal in front of the store in memory keeps every promise of a tracking store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.store.journaled import JournaledStore
from bridge.store.memory import MemoryStore
from bridge.store.tracking import TrackingStore
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
