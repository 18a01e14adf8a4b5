"""The addresses of the pages that show runs: of a server that runs now, or the command that starts one."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, NamedTuple

from bridge.store.server_records import running_servers

if TYPE_CHECKING:
    from bridge.store.workspace_stores import WorkspaceStores


class OpenPage(NamedTuple):
    """A server that shows a workspace now.

    Attributes:
        address: the address of its home page, which ends with a slash.
        token: the token for programs; empty if the server's file has none.
        server: the address of the server, without a slash at the end.
        process_id: its process.
        read_only: whether its page cannot change anything.
    """

    address: str
    token: str
    server: str
    process_id: int
    read_only: bool


def portal_url(stores: WorkspaceStores, place: str) -> str:
    """Return the address of a page if a server shows the workspace now, else the command that opens the page.

    Args:
        stores: the workspace.
        place: the page, such as `runs/<id>`.
    """
    if stores.folder is None:
        return f"{stores.address}/portal/{place}"
    page = find_open_page(stores)
    return f"{page.address}{place}" if page else ui_command(stores, place)


def ui_command(stores: WorkspaceStores, place: str = "") -> str:
    """Return the terminal command that opens a page of the workspace in a browser."""
    command = f"runbridge ui {shlex.quote(stores.address)}"
    return f"{command} --page {shlex.quote(place)}" if place else command


def find_open_page(stores: WorkspaceStores, read_only: bool | None = None) -> OpenPage | None:
    """Return a server of this user that shows the workspace now on this computer.

    Args:
        stores: the workspace.
        read_only: find only a server whose page can or cannot change the workspace. None means any server.
    """
    for record in running_servers():
        page = record["pages"].get(stores.address)
        if page is not None and read_only in (None, record["read_only"]):
            return OpenPage(page, record["token"], record["address"], record["process"], record["read_only"])
    return None
