"""The conformance suite of tracking stores: everything that `bridge.store.tracking.TrackingStore` promises."""

from __future__ import annotations

import pytest

from bridge.records.run import RunRecord
from bridge.store.tracking import TrackingStore
from bridge.testing.clock import FakeClock
from bridge.testing.tracking_append import AppendPromises
from bridge.testing.tracking_claims import ClaimPromises
from bridge.testing.tracking_experiments import ExperimentPromises
from bridge.testing.tracking_index import ArtifactIndexPromises
from bridge.testing.tracking_leases import LeasePromises
from bridge.testing.tracking_points import PointPromises
from bridge.testing.tracking_purge import PurgePromises
from bridge.testing.tracking_rows import RowPromises
from bridge.testing.tracking_runs import RunPromises
from bridge.testing.tracking_search import SearchPromises


class TrackingStoreTests(
    ExperimentPromises,
    RunPromises,
    PurgePromises,
    LeasePromises,
    ClaimPromises,
    PointPromises,
    RowPromises,
    AppendPromises,
    SearchPromises,
    ArtifactIndexPromises,
):
    """One promise a test; a place's own test file is a subclass with the fixture `store`.

    Example:
        class TestMyStore(TrackingStoreTests):
            @pytest.fixture
            def store(self, tmp_path):
                return MyStore(tmp_path)
    """

    @pytest.fixture
    def store(self) -> TrackingStore:
        """A new store."""
        raise NotImplementedError("a subclass gives the store")

    @pytest.fixture
    def other(self, store: TrackingStore) -> TrackingStore:
        """Another object of the same place, as another process has one; the same object where places are not shared."""
        return store

    @pytest.fixture
    def run(self, store: TrackingStore) -> str:
        """An active run."""
        return store.create_run(RunRecord("r1", "0")).id

    @pytest.fixture
    def clock(self) -> FakeClock:
        """A clock that stands still."""
        return FakeClock()
