"""The store in memory keeps every promise of a tracking store."""

from __future__ import annotations

import pytest

from bridge.store.memory import MemoryStore
from bridge.store.tracking import TrackingStore
from bridge.testing.tracking import TrackingStoreTests


class TestMemoryStore(TrackingStoreTests):
    @pytest.fixture
    def store(self) -> TrackingStore:
        return MemoryStore()
