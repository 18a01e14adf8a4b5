"""The fixtures of the conformance suites."""

from __future__ import annotations

import pytest

from bridge.records.run import RunRecord
from bridge.store.backend import Backend
from bridge.store.one_run import create_run
from bridge.testing.clock import FakeClock


class BackendFixtures:
    """The fixtures for the tests of a backend. A subclass overrides `store`."""

    @pytest.fixture
    def store(self) -> Backend:
        """A new store."""
        raise NotImplementedError("a subclass must override the fixture `store`")

    @pytest.fixture
    def other(self, store: Backend) -> Backend:
        """Another store object with the same data, or the same object if a backend does not share data."""
        return store

    @pytest.fixture
    def run(self, store: Backend) -> str:
        """An active run."""
        return create_run(store, RunRecord("r1", "0")).id

    @pytest.fixture
    def clock(self) -> FakeClock:
        """A clock whose time changes only with `tick`."""
        return FakeClock()
