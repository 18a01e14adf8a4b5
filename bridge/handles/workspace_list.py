"""Finds all workspaces in `$BRIDGE_HOME`, or the workspace that is specified in a configuration file."""

from __future__ import annotations

import logging
import os

from bridge.address import home_folder
from bridge.errors import BridgeError
from bridge.handles.project_files import find_config, read_config
from bridge.handles.workspace import Workspace
from bridge.store.layout import DATABASE
from bridge.store.open import peek_store

logger = logging.getLogger("bridge")


def workspaces_at_home() -> dict[str, list[Workspace]]:
    """Return, for each name, the workspaces in `$BRIDGE_HOME` with this name; see `Workspace.list`."""
    found: dict[str, list[Workspace]] = {}
    for database in sorted(home_folder().glob(f"*/{DATABASE}")):
        try:
            stores = peek_store(database.parent)
        except BridgeError as error:
            logger.warning("A workspace is excluded from the list: %s", error)
            continue
        found.setdefault(stores.name, []).append(Workspace.wrap(stores))
    return found


def workspace_of_project(path: str | os.PathLike[str] | None, file_name: str | None) -> Workspace:
    """Open the workspace that is specified in a configuration file; see `Workspace.from_config`."""
    config = read_config(find_config(path, file_name))
    if config.address is not None:
        opened = Workspace.open(config.address)
    else:
        assert config.name is not None
        opened = Workspace.create(config.name, exist_ok=True, **config.azure_values)
    return Workspace.wrap(opened.stores, None, config.azure_values)
