"""The server of the page of one workspace. Only the user who has started it can reach it."""

from __future__ import annotations

import threading

from bridge.server.identity.access import Access
from bridge.server.roles import Role
from bridge.server.serve import RunningServer
from bridge.server.settings import Settings
from bridge.server.workspaces import ServedWorkspace, Workspaces
from bridge.store.workspace_stores import WorkspaceStores

HINT = "Run the command `runbridge ui` again with the same workspace, and open the address that it prints."
"""It does not name the workspace: every user of this computer can read it."""


class PortalServer(RunningServer):
    """The server of one workspace on one port of this computer. It listens when it is created, and answers in `run`.

    Attributes:
        page: the address of the home page, without a code.

    Args:
        stores: the workspace.
        port: the port; 0 is any free one, None the first free one from 5000.
        role: "reader" for a page that cannot change anything.

    Raises:
        InvalidValue: the port is in use, or this process may not listen on it.
        StoreUnavailable: no port is free.
    """

    access: Access

    def __init__(self, stores: WorkspaceStores, port: int | None = None, role: Role = "admin") -> None:
        settings = Settings(port=port, home=None, mlflow="off", is_page_only=True, start_role=role, hint=HINT)
        super().__init__(Workspaces([ServedWorkspace("workspace", stores)]), settings)
        self.page = f"{self.address}/portal/"

    @property
    def token(self) -> str:
        """The token of this start."""
        assert self.access.start_token is not None
        return self.access.start_token

    def address_with_code(self, place: str = "") -> str:
        """Return the address of a page with a code, which signs a browser in once, within five minutes."""
        return f"{self.page}{place}?code={self.access.new_code()}"

    def run_in_thread(self) -> threading.Thread:
        """Answer requests in a thread until `stop`, and return the thread."""
        self._thread.start()
        return self._thread
