"""A server in a thread, with a new workspace for each test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from bridge.server.files.rules import FileRules
from bridge.server.serve import RunningServer
from bridge.server.settings import Settings
from bridge.server.workspaces import ServedWorkspace, Workspaces
from bridge.store.create import create_store
from bridge.store.workspace_stores import WorkspaceStores


class GrowingWorkspaces(Workspaces):
    """Workspaces to which tests add others while the server runs."""

    def __init__(self) -> None:
        super().__init__([])
        self._numbers = count()

    def add(self, stores: WorkspaceStores, rules: FileRules | None = None) -> ServedWorkspace:
        """Serve a workspace under a new name."""
        served = ServedWorkspace(f"w{next(self._numbers)}", stores, rules)
        self._by_name[served.name] = served
        return served

    def remove(self, served: ServedWorkspace) -> None:
        """Stop serving a workspace, and close it."""
        del self._by_name[served.name]
        served.stores.close()


class TestServer:
    """A running server of tests.

    Attributes:
        workspaces: what it serves.
        address: its address.
    """

    __test__ = False

    def __init__(self) -> None:
        self.workspaces = GrowingWorkspaces()
        self._server = RunningServer(self.workspaces, Settings(port=0, no_token=True, mlflow="off"))
        self.address = self._server.address

    def __enter__(self) -> TestServer:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__(None, None, None)

    @contextmanager
    def workspace(self, folder: Path) -> Iterator[str]:
        """Create a workspace in a folder, serve it, and return its address."""
        served = self.workspaces.add(create_store(folder, folder.name), FileRules(allowed=("s3://bucket/",)))
        try:
            yield f"{self.address}/w/{served.name}"
        finally:
            self.workspaces.remove(served)
