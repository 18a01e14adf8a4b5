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
        """A second store object for the same data.

        If two objects of a backend cannot have the same data, this is the object `store`.
        """
        return store

    @pytest.fixture
    def run(self, store: Backend) -> str:
        """An active run."""
        return create_run(store, RunRecord("r1", "0")).id

    @pytest.fixture
    def clock(self) -> FakeClock:
        """A clock whose time changes only with `tick`."""
        return FakeClock()
