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
from bridge.store.open import peek_store
from bridge.store.server_records import ServerRecord
from bridge.store.workspace_stores import WorkspaceStores

Named = Sequence[tuple[str, WorkspaceStores]]
"""Workspaces with their names in addresses."""


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
            named.append(_find(one))
            ended.callback(named[-1][1].close)

        def announce(server: RunningServer) -> None:
            ended.enter_context(_record(server, named))
            print(banner(server, named, settings), flush=True)

        serve(named, settings, announce)


def _settings(options: Mapping[str, Any]) -> Settings:
    given: dict[str, Any] = dict(options)
    return Settings(**{**given, "home": Path(given["home"]) if given["home"] else server_home()})


def _find(given: str | None) -> tuple[str, WorkspaceStores]:
    """Find a workspace, and return it with its name in addresses."""
    name = ""
    if given is not None and "=" in given and not os.path.exists(given):
        name, _, given = given.partition("=")
    folder = find_folder(given, "serve")
    stores = peek_store(folder)  # the server opens it while it answers health checks
    return name or address_name(stores.name), stores


def _record(server: RunningServer, named: Named) -> ServerRecord:
    """Return the record with which programs of this user find the server and its token."""
    pages = {stores.address: f"{_address(server, name, named)}/portal/" for name, stores in named}
    token = server.access.start_token if server.access else None
    return ServerRecord(server.local_address, token or "", pages)


def banner(server: RunningServer, named: Named, settings: Settings) -> str:
    """Return what the command prints when the server listens: the addresses, and how clients use them."""
    listed = "the workspace" if len(named) == 1 else f"{len(named)} workspaces"
    lines = [f"Runbridge serves {listed} until Ctrl-C."]
    for name, stores in named:
        lines += [f"  {stores.name}: {stores.address}", *_clients(_address(server, name, named))]
    return "\n".join([*lines, *_sign_in(server, len(named) == 1)])


def _address(server: RunningServer, name: str, named: Named) -> str:
    return server.address if len(named) == 1 else f"{server.address}/w/{name}"


def _clients(address: str) -> list[str]:
    return [f'    Python: Workspace.open("{address}")', f"    MLflow: export MLFLOW_TRACKING_URI={address}"]


def _sign_in(server: RunningServer, is_only: bool) -> list[str]:
    """Return the lines about the page and about the token of this start."""
    page = f"{server.address}/portal/" if is_only else f"{server.address}/"
    access = server.access
    if access is None:
        return [f"  Page: {page}"]
    if access.start_token is None:
        return [f"  Page: {page} (sign in with a token; `runbridge token list` shows which exist)"]
    return [
        f"  Page: {page}?code={access.new_code()} (once, within five minutes)",
        "  The server has a token until it ends. Programs of this user find it. Others need this line:",
        f"    export MLFLOW_TRACKING_TOKEN={access.start_token}",
    ]
