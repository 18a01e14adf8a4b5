"""The conformance suite of backends: the suites of all their interfaces."""

from __future__ import annotations

from bridge.testing.artifact_index import ArtifactIndexTests
from bridge.testing.fold_store import FoldStoreTests
from bridge.testing.lease_store import LeaseStoreTests
from bridge.testing.tracking import TrackingStoreTests
from bridge.testing.views import RunViewsTests


class BackendTests(TrackingStoreTests, LeaseStoreTests, FoldStoreTests, ArtifactIndexTests, RunViewsTests):
    """The tests of a backend. The test file of a backend has a subclass that overrides the fixture `store`.

    Example:
        class TestMyBackend(BackendTests):
            @pytest.fixture
            def store(self, tmp_path):
                return MyBackend(tmp_path)
    """
