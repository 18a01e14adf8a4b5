"""The conformance suite of `bridge.store.tracking.TrackingStore`."""

from __future__ import annotations

from bridge.testing.fixtures import BackendFixtures
from bridge.testing.tracking_experiments import ExperimentPromises
from bridge.testing.tracking_points import PointPromises
from bridge.testing.tracking_purge import PurgePromises
from bridge.testing.tracking_rows import RowPromises
from bridge.testing.tracking_runs import RunPromises
from bridge.testing.tracking_search import SearchPromises
from bridge.testing.tracking_updates import UpdatePromises


class TrackingStoreTests(
    ExperimentPromises,
    RunPromises,
    UpdatePromises,
    PurgePromises,
    PointPromises,
    RowPromises,
    SearchPromises,
    BackendFixtures,
):
    """All tests of the interface to experiments, runs and points."""
