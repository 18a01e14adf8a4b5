"""The stores of one workspace."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.errors import NotAllowed
from bridge.server_address import is_server_address
from bridge.store.layout import ARTIFACTS
from bridge.store.open_stores import OpenStore, drop, store_at
from bridge.store.sql.backend import SqlBackend

if TYPE_CHECKING:
    from bridge.store.artifacts import ArtifactStore
    from bridge.store.durability import Durability
    from bridge.store.journaled import JournaledStore


class WorkspaceStores:
    """A workspace: the facts about it, its tracking store and its artifact store.

    The handles (the objects of the public API, such as `Run`) read and write through these stores.

    Args:
        address: the absolute path of the workspace's folder, or its address on a server.
        facts: what the database states about the workspace: id, name, durability, creation time and values of Azure ML
            arguments.
        store: the open stores. If it is None, the stores are opened when they are first needed.
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
        """The open stores, which all handles of the workspace share. If they were closed, they are opened again."""
        store = self._store
        if store is None:
            store = store_at(self.address, None)
            self._facts, self._generation = store.facts(), store.generation
            store.users.add(self)
            # This is the last step, so that the next call repeats all steps if one of them raises an error.
            self._store = store
        return store

    @property
    def folder(self) -> Path | None:
        """The absolute path of the workspace's folder; None for a workspace on a server."""
        return None if is_server_address(self.address) else Path(self.address)

    @property
    def kind_of_address(self) -> str:
        """The word for the address: "path" for a folder, and "address" for a server."""
        return "address" if self.folder is None else "path"

    def local_folder(self, action: str) -> Path:
        """Return the folder of the workspace.

        Args:
            action: what the caller does with the folder, for the error, such as "back up".

        Raises:
            NotAllowed: the workspace is on a server.
        """
        if self.folder is None:
            reason = "it is on a server. Do this on the computer of the server, with the folder of the workspace"
            raise NotAllowed(action, self.address, reason)
        return self.folder

    @property
    def tracking(self) -> JournaledStore:
        """The store of experiments, runs and points."""
        return self.open_store.tracking

    @property
    def shared(self) -> bool:
        """Whether members of the folder's group may write to the workspace."""
        return self.open_store.shared

    @property
    def is_writable(self) -> bool:
        """Whether this process may write to the database. A server checks the rights of each request."""
        backend = self.open_store.backend
        return not (isinstance(backend, SqlBackend) and backend.database.read_only)

    @property
    def durability(self) -> Durability:
        """The durability of new points; see `bridge.store.durability.Durability`."""
        return self.open_store.durability

    @property
    def facts(self) -> Mapping[str, str]:
        """The facts about the workspace. They are read again if another workspace has replaced this one."""
        store = self._store
        if store is not None and store.generation != self._generation:
            generation = store.generation
            self._facts, self._generation = store.facts(), generation
        return self._facts

    @property
    def id(self) -> str:
        """The id of the workspace, 32 hexadecimal digits."""
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
        """The values of Azure ML arguments that were passed when the workspace was created. No store uses them."""
        import json

        return dict(json.loads(self.facts.get("details", "{}")))

    @property
    def artifacts(self) -> ArtifactStore:
        """The store of artifacts. Its module is loaded when it is first needed, because logging does not need it."""
        # This is no `cached_property`. Before Python 3.12, a `cached_property` has a lock. If a process forks while
        # another thread holds this lock, it stays locked in the child.
        if self._artifacts is None:
            self._artifacts = self._open_artifacts()
        return self._artifacts

    def _open_artifacts(self) -> ArtifactStore:
        if self.folder is None:
            from bridge.store.open_server import artifacts_of

            return artifacts_of(self.tracking)
        from bridge.store.folder.artifacts import FolderArtifacts

        return FolderArtifacts(self.tracking, self.folder / ARTIFACTS, shared=self.shared)

    def close(self) -> None:
        """Close all stores of the workspace in this process. A later call of a handle opens them again.

        If this process owns a run, its journal stays open. A closed journal would mean that the process has ended, and
        other processes would end the run.

        Raises:
            StoreUnavailable: points cannot be written or were dropped. The stores are closed nevertheless.
        """
        store = self._store  # a local variable, because a `close` in another thread sets `_store` to None
        if store is None:
            return
        try:
            store.tracking.flush()
        finally:
            store.close()
            if not store.tracking.owns_runs:
                drop(store)

    def forget(self) -> None:
        """Forget the closed stores. The next call opens new stores."""
        self._store = None
        self._artifacts = None  # the artifact store uses the closed tracking store
