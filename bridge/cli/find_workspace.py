"""Finds the workspace that a command means."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bridge.address import WORKSPACE_NAME, home_folder, workspace_address
from bridge.errors import NotAllowed, NotFound
from bridge.handles.project_files import find_project_config, read_config
from bridge.store.layout import DATABASE
from bridge.store.open import open_store
from bridge.store.workspace_stores import WorkspaceStores


@contextmanager
def opened(given: str | None) -> Iterator[WorkspaceStores]:
    """Open the workspace that a command means, and close it at the end; see `find_workspace`."""
    stores = find_workspace(given)
    try:
        yield stores
    finally:
        stores.close()


def find_workspace(given: str | None) -> WorkspaceStores:
    """Open the workspace that a command means; see `find_address`."""
    return open_store(find_address(given))


def find_folder(given: str | None, action: str) -> Path:
    """Return the folder of the workspace that a command means, without opening the workspace.

    Args:
        given: as for `find_address`.
        action: what the command does with the folder, for the error, such as "back up".

    Raises:
        NotFound, InvalidValue: as for `find_address`.
        NotAllowed: the workspace is on a server.
    """
    found = find_address(given)
    if isinstance(found, str):
        reason = "it is on a server. Run this command on the computer of the server, with the folder of the workspace"
        raise NotAllowed(action, found, reason)
    return found


def find_address(given: str | None) -> Path | str:
    """Return the folder of the workspace that a command means, or its address on a server, without opening it.

    Args:
        given: the folder, the URI, the address on a server, or the name in `$BRIDGE_HOME`. None means the workspace
            that `BRIDGE_WORKSPACE` names, else that of the project's configuration file, else the working folder.

    Raises:
        NotFound: no workspace exists there.
        InvalidValue: the address or the configuration file is not valid.
    """
    address = given or os.environ.get("BRIDGE_WORKSPACE") or None
    if address is not None:
        return _place_of(address)
    config = find_project_config()
    if config is not None:
        content = read_config(config)
        return _place_of(content.address) if content.address else home_folder() / str(content.name)
    if Path(DATABASE).is_file():
        return Path.cwd()
    raise NotFound(
        "workspace", os.getcwd(), "name its folder with --workspace, or create a workspace with `runbridge init`"
    )


def _place_of(address: str) -> Path | str:
    """Return the folder of an address, or an address on a server.

    A name that is no folder here is that of a workspace in `$BRIDGE_HOME`.
    """
    folder = workspace_address(address)
    if isinstance(folder, str):
        return folder
    named = home_folder() / address
    if not folder.exists() and WORKSPACE_NAME.fullmatch(address) and (named / DATABASE).is_file():
        return named
    if not (folder / DATABASE).is_file():
        raise NotFound("workspace", str(folder.absolute()), "name an existing one, or create one with `runbridge init`")
    return folder
