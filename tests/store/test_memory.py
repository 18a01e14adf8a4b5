"""The in-memory store passes the conformance suite of tracking stores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from longer import SCALE

from bridge.store.backend import Backend
from bridge.testing.backend import BackendTests
from bridge.testing.machine import check_store
from bridge.testing.oracle.memory import MemoryStore


class TestMemoryStore(BackendTests):
    @pytest.fixture
    def store(self) -> Backend:
        return MemoryStore()


@contextmanager
def new_store() -> Iterator[Backend]:
    yield MemoryStore()


def test_any_order_of_calls_agrees_with_plain_dicts() -> None:
    check_store(new_store, examples=30 * SCALE)
