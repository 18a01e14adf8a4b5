"""A workspace of the server, as the calls of MLflow's API see it."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from bridge.server.workspaces import ServedWorkspace
from bridge.store.open import restore_default_experiment
from bridge.store.workspace_stores import WorkspaceStores
from bridge_mlflow.addresses import PROXY_ROOT
from bridge_mlflow.called_workspace import CalledWorkspace
from bridge_mlflow.translate.refusals import Refusal

WRITE_THREADS = 2
"""The number of threads in which the calls that write wait for the database. Writes exclude each other anyway."""


class HotWorkspace(CalledWorkspace):
    """A workspace of the server. Its artifacts are sent and received through the server."""

    def __init__(self, stores: WorkspaceStores) -> None:
        super().__init__(stores)
        self.write_threads = ThreadPoolExecutor(WRITE_THREADS, "mlflow-writes")
        if os.access(stores.address, os.W_OK):
            restore_default_experiment(stores)

    @classmethod
    def of(cls, workspace: ServedWorkspace) -> HotWorkspace:
        """Return the object for a workspace. The first call makes it."""
        made: HotWorkspace = workspace.served.kept("mlflow", lambda: cls(workspace.stores))
        return made

    @property
    def artifact_root_uri(self) -> str:
        """The URI below which clients find the artifacts. They resolve it with the address of the server."""
        return PROXY_ROOT.rstrip("/")

    def checked_location(self, location: str) -> str:
        """Refuse every location, because the server would read and write there with its own rights.

        Raises:
            Refusal: always.
        """
        raise Refusal(
            f"Invalid artifact location: '{location}'. Through this server, artifacts are stored in the workspace: "
            "omit the artifact location."
        )
