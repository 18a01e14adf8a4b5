"""Fixtures for the tests of the portal's API."""

from __future__ import annotations

from pathlib import Path

import pytest
from portal_calls import Api

from bridge.store.create import create_store
from bridge.store.workspace_stores import WorkspaceStores


@pytest.fixture
def stores(tmp_path: Path) -> WorkspaceStores:
    """A new workspace."""
    return create_store(tmp_path / "demo", "demo")


@pytest.fixture
def api(stores: WorkspaceStores) -> Api:
    """Calls of the portal's API as an admin."""
    return Api(stores, "admin")
