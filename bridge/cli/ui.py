"""The subcommand `runbridge ui`: serves the page of a workspace, and opens it in a browser."""

from __future__ import annotations

import http.client
import json
import re
import sys
from contextlib import ExitStack, suppress
from functools import partial
from urllib.parse import urlsplit

from bridge.cli.browser import open_browser, opener
from bridge.cli.find_workspace import find_workspace
from bridge.errors import InvalidValue, NotAllowed, StoreUnavailable
from bridge.runs.open_page import OpenPage, find_open_page, portal_url
from bridge.server import vendor
from bridge.server.memory import return_large_blocks
from bridge.server.portal_server import PortalServer
from bridge.store.server_records import ServerRecord, records_folder
from bridge.store.workspace_stores import WorkspaceStores

PLACE = re.compile(r"[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*|")
"""The form of a part of a page's address, such as `runs/<id>`."""


def show(workspace: str | None, port: int | None, browser: bool, read_only: bool, place: str) -> None:
    """Show the page of a workspace until Ctrl-C; see `bridge.cli.command.ui`.

    If another process of this user shows the same workspace and no port is given, print a new address of that one.
    """
    if not PLACE.fullmatch(place):
        raise InvalidValue("page", place, "must be a part of a page's address, such as runs/RUN_ID")
    with ExitStack() as ended:
        stores = find_workspace(workspace)
        ended.callback(stores.close)
        if stores.folder is None:
            raise NotAllowed(
                "serve", stores.address, f"it is on a server. Open {portal_url(stores, place)} in a browser"
            )
        running = find_open_page(stores, read_only) if port is None else None
        code = _code_of(running) if running else None
        if running and code:
            _announce(stores, f"{running.address}{place}?code={code}", f"in process {running.process_id}")
            if browser:
                open_browser(running.address, code, place, wait=True)
            return
        return_large_blocks()
        server = PortalServer(stores, port, "reader" if read_only else "admin")
        remove_opener = partial(opener(server.page).unlink, missing_ok=True)
        server.access.codes.on_redeemed = remove_opener
        try:
            record = ServerRecord(server.address, server.token, {stores.address: server.page}, read_only)
            ended.enter_context(record)
        except OSError as error:
            server.close()
            reason = f"{(error.strerror or str(error)).lower()}; set BRIDGE_HOME to a folder that you may write"
            raise StoreUnavailable(str(records_folder()), reason) from error
        ended.callback(remove_opener)
        if not vendor.is_fetched():
            print(f"The page needs JavaScript packages that are missing: run {vendor.COMMAND}", file=sys.stderr)
        with suppress(KeyboardInterrupt):  # the server handles Ctrl-C only once it runs
            _announce(stores, server.address_with_code(place), "until Ctrl-C")
            if browser:
                open_browser(server.page, server.access.new_code(), place)  # it waits until the server answers
            server.run()


def _announce(stores: WorkspaceStores, address: str, when: str) -> None:
    print(f"Runbridge shows the workspace {stores.name} {when}: {address}", flush=True)


def _code_of(page: OpenPage) -> str | None:
    """Return a new code of a server that runs in another process; None if it does not answer."""
    parts = urlsplit(page.server)
    for path in ("/login/code", "/portal/api/session/code"):  # the second one is that of version 0.1
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=5)
        with suppress(OSError, ValueError, KeyError, http.client.HTTPException):
            try:
                headers = {"Authorization": f"Bearer {page.token}"}
                connection.request("POST", f"{parts.path}{path}", headers=headers)
                return str(json.loads(connection.getresponse().read())["code"])
            finally:
                connection.close()
    return None
