"""A workspace of the server, as the calls of MLflow's API see it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from bridge.errors import InvalidValue
from bridge.server.files.locations import check_experiment_location
from bridge.server.workspaces import ServedWorkspace
from bridge.store.open import restore_default_experiment
from bridge.store.workspace_stores import WorkspaceStores
from bridge_mlflow.addresses import PROXY_ROOT
from bridge_mlflow.called_workspace import CalledWorkspace
from bridge_mlflow.server.environment import import_quietly
from bridge_mlflow.server.hot.failures import NO_ENDPOINT, SWITCHED_OFF
from bridge_mlflow.server.hot.importing import can_import
from bridge_mlflow.translate.refusals import Refusal

if TYPE_CHECKING:
    from bridge_mlflow.companion import Companion

WRITE_THREADS = 2
"""The number of threads in which the calls that write wait for the database. Writes exclude each other anyway."""


class HotWorkspace(CalledWorkspace):
    """A workspace of the server. Its artifacts are sent and received through the server.

    Attributes:
        write_threads: the threads in which calls that write wait for the database.
        is_ready: whether `make_ready` has returned. No call is answered before.

    Args:
        stores: the stores.
        allowed: the prefixes below which artifact locations may be.
    """

    def __init__(self, stores: WorkspaceStores, allowed: Sequence[str] = ()) -> None:
        super().__init__(stores)
        self._allowed = allowed
        self.write_threads = ThreadPoolExecutor(WRITE_THREADS, "mlflow-writes")
        self.is_ready = False

    def make_ready(self) -> None:
        """Create experiment 0 again if it was purged. That may wait for other processes that write."""
        if os.access(self.stores.address, os.W_OK):
            restore_default_experiment(self.stores)
        self.is_ready = True

    @classmethod
    def of(cls, workspace: ServedWorkspace) -> HotWorkspace:
        """Return the object for a workspace. The first call makes it."""
        made: HotWorkspace = workspace.served.kept(
            "mlflow", lambda: cls(workspace.stores, workspace.file_rules.allowed)
        )
        return made

    @property
    def artifact_root_uri(self) -> str:
        """The URI below which clients find the artifacts. They resolve it with the address of the server."""
        return PROXY_ROOT.rstrip("/")

    @property
    def companion(self) -> Companion:
        """The companion. The first use imports MLflow, which then sends no usage data.

        Raises:
            Refusal: the server was started with `--mlflow off`.
        """
        if not can_import():
            raise Refusal(SWITCHED_OFF, NO_ENDPOINT)
        import_quietly()
        return super().companion

    @property
    def has_tables(self) -> bool:
        """Whether MLflow's own tables exist, and this server may change them. Otherwise its next user updates them."""
        return super().has_tables and can_import()

    def checked_location(self, location: str) -> str:
        """Return a location in the workspace, or below a prefix that the operator of the server has allowed.

        Raises:
            Refusal: it is another location.
        """
        try:
            return check_experiment_location(location, self.stores.address, self._allowed) or ""
        except InvalidValue as error:
            raise Refusal(f"Invalid artifact location: {error.sentence}") from error
