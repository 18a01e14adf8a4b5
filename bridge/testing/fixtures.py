"""The fixtures of the conformance suites."""

from __future__ import annotations

import pytest

from bridge.records.run import RunRecord
from bridge.store.backend import Backend
from bridge.store.one_run import create_run
from bridge.testing.clock import FakeClock


class BackendFixtures:
    """The fixtures of tests of a backend. A subclass overrides `store`."""

    @pytest.fixture
    def store(self) -> Backend:
        """A new store."""
        raise NotImplementedError("a subclass overrides the fixture `store`")

    @pytest.fixture
    def other(self, store: Backend) -> Backend:
        """Another object over the same data, as in another process. The same object if data is not shared."""
        return store

    @pytest.fixture
    def run(self, store: Backend) -> str:
        """An active run."""
        return create_run(store, RunRecord("r1", "0")).id

    @pytest.fixture
    def clock(self) -> FakeClock:
        """A clock that moves only by `tick`."""
        return FakeClock()
