"""The subcommand `runbridge server`: opens the workspaces, prints what to copy, and serves them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bridge.cli.find_workspace import find_folder
from bridge.server.serve import RunningServer, address_name, serve
from bridge.server.settings import Settings, server_home
from bridge.store.open import open_store
from bridge.store.workspace_stores import WorkspaceStores


def run_server(given: Sequence[str], options: Mapping[str, Any]) -> None:
    """Serve workspaces until Ctrl-C; see `bridge.cli.commands.server`.

    Args:
        given: the workspaces; empty for the workspace that is used here.
        options: the options of the command.
    """
    settings = _settings(options)
    with ExitStack() as ended:
        named = []
        for one in given or (None,):
            named.append(_open(one))
            ended.callback(named[-1][1].close)
        serve(named, settings, lambda server: print(banner(server, named, settings), flush=True))


def _settings(options: Mapping[str, Any]) -> Settings:
    given: dict[str, Any] = dict(options)
    return Settings(**{**given, "home": Path(given["home"]) if given["home"] else server_home()})


def _open(given: str | None) -> tuple[str, WorkspaceStores]:
    """Open a workspace, and return it with its name in addresses."""
    name = ""
    if given is not None and "=" in given and not os.path.exists(given):
        name, _, given = given.partition("=")
    stores = open_store(find_folder(given))
    return name or address_name(stores.name), stores


def banner(server: RunningServer, named: Sequence[tuple[str, WorkspaceStores]], settings: Settings) -> str:
    """Return what the command prints when the server listens: the addresses, and how clients use them."""
    only = len(named) == 1
    listed = "the workspace" if only else f"{len(named)} workspaces"
    lines = [f"Runbridge serves {listed} until Ctrl-C."]
    for name, stores in named:
        address = server.address if only else f"{server.address}/w/{name}"
        lines += [f"  {stores.name}: {stores.address}", *_clients(address)]
    return "\n".join(lines)


def _clients(address: str) -> list[str]:
    return [f'    Python: Workspace.open("{address}")', f"    MLflow: export MLFLOW_TRACKING_URI={address}"]
