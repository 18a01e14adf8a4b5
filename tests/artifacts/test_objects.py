"""The artifact store of a workspace's folder passes the conformance suite, over each index."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bridge.store.artifacts import ArtifactStore
from bridge.store.folder.artifacts import FolderArtifacts
from bridge.store.sql.sqlite import open_sqlite
from bridge.testing.artifacts import ArtifactStoreTests
from bridge.testing.oracle.memory import MemoryStore


class TestIndexInMemory(ArtifactStoreTests):
    @pytest.fixture
    def artifacts(self, tmp_path_factory: pytest.TempPathFactory) -> ArtifactStore:
        return FolderArtifacts(MemoryStore(), tmp_path_factory.mktemp("workspace") / "artifacts")


class TestIndexInSqlite(ArtifactStoreTests):
    @pytest.fixture
    def artifacts(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArtifactStore]:
        folder = tmp_path_factory.mktemp("workspace")
        tracking = open_sqlite(folder / "workspace.db")
        yield FolderArtifacts(tracking, folder / "artifacts")
        tracking.close()
