"""Everything that one backend stores."""

from __future__ import annotations

from bridge.store.artifact_index import ArtifactIndex
from bridge.store.fold_store import FoldStore
from bridge.store.lease_store import LeaseStore
from bridge.store.tracking import TrackingStore


class Backend(TrackingStore, LeaseStore, FoldStore, ArtifactIndex):
    """A database, or what stands for one: the four interfaces over the same data."""

    def find_workspace_id(self) -> str:
        """Return the id of the workspace that is at the backend's address now, or `""` if it has no id.

        Raises:
            StoreUnavailable: no workspace is there any more.
        """
        return ""
