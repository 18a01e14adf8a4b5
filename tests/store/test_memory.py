"""The store in memory keeps every promise of a tracking store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bridge.store.tracking import TrackingStore
from bridge.testing.machine import check_store
from bridge.testing.oracle.memory import MemoryStore
from bridge.testing.tracking import TrackingStoreTests


class TestMemoryStore(TrackingStoreTests):
    @pytest.fixture
    def store(self) -> TrackingStore:
        return MemoryStore()


@contextmanager
def new_store() -> Iterator[TrackingStore]:
    yield MemoryStore()


def test_any_order_of_calls_agrees_with_plain_dicts() -> None:
    check_store(new_store)
