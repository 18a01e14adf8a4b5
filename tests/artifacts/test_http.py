"""The artifact store of a server passes the conformance suite, over a real connection."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bridge.records.run import RunRecord
from bridge.server.serve import RunningServer, serve_background
from bridge.store.artifacts import ArtifactStore
from bridge.store.create import create_store
from bridge.store.http.artifacts import HttpArtifacts
from bridge.store.http.requests_sent import Requests
from bridge.store.workspace_stores import WorkspaceStores
from bridge.testing.artifacts import OTHER_ROOT, ROOT, ArtifactStoreTests


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkspaceStores]:
    """A workspace with the run to which the root of the suite belongs."""
    stores = create_store(tmp_path_factory.mktemp("http") / "demo", "demo")
    experiment = stores.tracking.create_experiment("e", 1)
    stores.tracking.create_runs([RunRecord(ROOT.split("/")[1], experiment.id)])
    assert ROOT.startswith(f"{experiment.id}/")
    yield stores
    stores.close()


@pytest.fixture(scope="module")
def server(stores: WorkspaceStores) -> Iterator[RunningServer]:
    with serve_background([stores]) as running:
        yield running


class TestOnAServer(ArtifactStoreTests):
    @pytest.fixture
    def artifacts(self, server: RunningServer, stores: WorkspaceStores) -> ArtifactStore:
        for root in (ROOT, OTHER_ROOT):
            stores.artifacts.delete(root)
        return HttpArtifacts(Requests(server.address))
