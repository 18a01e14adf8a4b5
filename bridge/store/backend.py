"""The interface of a backend: a tracking store, lease store, fold store and artifact index in one object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.store.artifact_index import ArtifactIndex
from bridge.store.fold_store import FoldStore
from bridge.store.lease_store import LeaseStore
from bridge.store.tracking import TrackingStore

if TYPE_CHECKING:
    from bridge.store.views import RunViews


class Backend(TrackingStore, LeaseStore, FoldStore, ArtifactIndex):
    """An object that implements these four interfaces with the same data, for example with one database."""

    def find_workspace_id(self) -> str:
        """Return the id of the workspace that is at the backend's address now, or `""` if it has no id.

        Raises:
            StoreUnavailable: no workspace exists at the address any more.
        """
        return ""

    def get_facts(self) -> dict[str, str]:
        """Return the facts about the workspace: its id, name, durability and others. Empty if it has none."""
        return {}

    @property
    def views(self) -> RunViews:
        """Reads for tables and charts of the same data. The object may be used as long as the backend."""
        from bridge.store.record_views.views import RecordViews

        return RecordViews(self)
