"""Creates the workspace of `runbridge init`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.address import folder_of_address, named_folder
from bridge.cli.folder_names import allowed_name
from bridge.cli.json_records import workspace_json
from bridge.cli.output import notice, print_json
from bridge.errors import AlreadyExists
from bridge.store.create import create_store
from bridge.store.durability import durability_of
from bridge.store.layout import DATABASE

if TYPE_CHECKING:
    from bridge.store.workspace_stores import WorkspaceStores


def init(path: str, name: str | None, shared: bool, durability: str | None, exist_ok: bool, json: bool) -> None:
    """Create a workspace in a folder; see `bridge.cli.commands.init`."""
    folder = folder_of_address(path).resolve()
    name = allowed_name(folder, "workspace") if name is None else name
    named_folder(name)  # refuse an invalid name
    existed = (folder / DATABASE).exists()
    if existed and not exist_ok:
        raise AlreadyExists("workspace", str(folder), "add --exist-ok to accept it")
    stores = create_store(folder, name, exist_ok, shared, durability_of(durability))
    try:
        _report(stores, existed, json)
    finally:
        stores.close()


def _report(stores: WorkspaceStores, existed: bool, json: bool) -> None:
    if json:
        print_json(workspace_json(stores))
        return
    notice(f"{'Found' if existed else 'Created'} the workspace {stores.name} in {stores.address}.")
    if not existed:
        where = "" if Path(stores.address) == Path.cwd() else f" --workspace {shlex.quote(stores.address)}"
        notice(f"`runbridge run{where} SCRIPT` runs a script in it, and `runbridge ui{where}` shows its page.")
