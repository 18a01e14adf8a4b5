"""The interface of a backend, which combines four interfaces of stores."""

from __future__ import annotations

from bridge.store.artifact_index import ArtifactIndex
from bridge.store.fold_store import FoldStore
from bridge.store.lease_store import LeaseStore
from bridge.store.tracking import TrackingStore


class Backend(TrackingStore, LeaseStore, FoldStore, ArtifactIndex):
    """An object that implements four interfaces over the same data, for example over one database."""

    def find_workspace_id(self) -> str:
        """Return the id of the workspace that is at the backend's address now, or `""` if it has no id.

        Raises:
            StoreUnavailable: no workspace exists at the address any more.
        """
        return ""
