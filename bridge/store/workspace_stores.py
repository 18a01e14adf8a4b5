"""The stores of one workspace."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.store.layout import ARTIFACTS
from bridge.store.open_stores import OpenStore, drop, store_at

if TYPE_CHECKING:
    from bridge.store.artifacts import ArtifactStore
    from bridge.store.durability import Durability
    from bridge.store.journaled import JournaledStore


class WorkspaceStores:
    """A workspace: its name, and the two stores behind every handle.

    `address` is the absolute path of its folder.

    Args:
        address: the folder.
        facts: the row of the database about the workspace: id, name, durability, creation time and Azure values.
        store: the open stores; None opens them when they are first needed.
    """

    def __init__(self, address: str, facts: Mapping[str, str], store: OpenStore | None = None) -> None:
        self.address = address
        self._facts, self._generation = facts, 0
        self._store = store
        self._artifacts: ArtifactStore | None = None
        if store is not None:
            self._generation = store.generation
            store.users.add(self)

    @property
    def open_store(self) -> OpenStore:
        """The open stores, shared with the other handles of the workspace; a closed one is opened again."""
        store = self._store
        if store is None:
            store = self._store = store_at(Path(self.address), None)
            self._facts, self._generation = store.facts(), store.generation
            store.users.add(self)
        return store

    @property
    def tracking(self) -> JournaledStore:
        """The store of experiments, runs and points."""
        return self.open_store.tracking

    @property
    def shared(self) -> bool:
        """Whether files belong to the folder's group too."""
        return self.open_store.shared

    @property
    def durability(self) -> Durability:
        """The durability of new points; see `bridge.store.durability.Durability`."""
        return self.open_store.durability

    @property
    def facts(self) -> Mapping[str, str]:
        """The properties of the workspace. They are read again if another workspace has replaced this one."""
        store = self._store
        if store is not None and store.generation != self._generation:
            generation = store.generation
            self._facts, self._generation = store.facts(), generation
        return self._facts

    @property
    def id(self) -> str:
        """The id of the workspace, 32 hex digits."""
        return self.facts["id"]

    @property
    def name(self) -> str:
        """The name of the workspace."""
        return self.facts["name"]

    @property
    def creation_time(self) -> int:
        """The time when the workspace was created, in milliseconds since 1970 UTC."""
        return int(self.facts.get("created", 0))

    @property
    def azure_values(self) -> dict[str, Any]:
        """The values of Azure ML arguments, given when the workspace was created. The stores ignore them."""
        import json

        return dict(json.loads(self.facts.get("details", "{}")))

    @property
    def artifacts(self) -> ArtifactStore:
        """The store of artifacts. Its module is loaded when first needed; logging never needs it."""
        # No `cached_property`: before Python 3.12 all of them share a lock, which a child of a fork may inherit locked.
        if self._artifacts is None:
            from bridge.store.folder.artifacts import FolderArtifacts

            self._artifacts = FolderArtifacts(self.tracking, Path(self.address) / ARTIFACTS, shared=self.shared)
        return self._artifacts

    def close(self) -> None:
        """Close everything that this process has open of the workspace; a later call opens it again.

        If this process owns a run, it keeps the journal open, because a closed journal would mean that its owner ended.

        Raises:
            StoreUnavailable: points are unwritten or were dropped; everything is closed nevertheless.
        """
        store = self._store  # another thread that closes it too sets it to None
        if store is None:
            return
        try:
            store.tracking.flush()
        finally:
            store.close()
            if not store.tracking.owns_runs:
                drop(store)

    def forget(self) -> None:
        """Forget stores that were closed; the next call opens new ones."""
        self._store = None
        self._artifacts = None  # it uses the closed store
