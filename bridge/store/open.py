"""Opens a workspace: returns the stores of the workspace in a folder."""

from __future__ import annotations

from pathlib import Path

from bridge.server_address import is_server_address, server_address
from bridge.store.durability import Durability
from bridge.store.layout import DATABASE
from bridge.store.open_stores import checked_facts, find_open, store_at
from bridge.store.sql.backend import SqlBackend
from bridge.store.sql.sqlite import make_default_experiment, peek_facts
from bridge.store.workspace_stores import WorkspaceStores


def open_store(address: str | Path, durability: Durability | None = None) -> WorkspaceStores:
    """Open a workspace. If this process has the workspace open already, return the open stores.

    Args:
        address: the folder, or the address of a workspace on a server.
        durability: the durability of new points. None means `BRIDGE_DURABILITY` if it is set, else the durability of
            the workspace.

    Raises:
        NotFound: there is no workspace.
        NotAuthenticated, NotAllowed: the server wants another token.
        SchemaMismatch: a newer version of Runbridge has created or migrated the workspace.
        StoreUnavailable: the database or the server cannot be reached, or is not one of Runbridge.
    """
    place = server_address(str(address)) if is_server_address(address) else str(Path(address).absolute())
    store = store_at(place, durability)
    for stores in list(store.users):
        if stores.address == place:
            return stores
    return WorkspaceStores(place, store.facts(), store)


def peek_store(address: str | Path) -> WorkspaceStores:
    """Return the workspace in a folder without opening its stores, so that nothing in the folder changes.

    Raises:
        NotFound: the folder contains no workspace.
        SchemaMismatch: a newer version of Runbridge has created or migrated the workspace.
        StoreUnavailable: the database cannot be reached, or is not the database of a workspace.
    """
    path = Path(address).absolute()
    if find_open(path) is not None:
        return open_store(path)
    return WorkspaceStores(str(path), checked_facts(path, peek_facts(path / DATABASE)))


def restore_default_experiment(stores: WorkspaceStores) -> None:
    """Create experiment 0, which MLflow uses by default, again if it was purged.

    Each process calls this when it opens the workspace.
    """
    backend = stores.open_store.backend
    if isinstance(backend, SqlBackend):  # a server does this itself
        make_default_experiment(backend)
