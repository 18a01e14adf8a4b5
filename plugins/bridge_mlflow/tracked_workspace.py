"""A workspace as MLflow's tracking store sees it: the one that a `bridge:` URI names."""

from __future__ import annotations

from mlflow.utils.uri import resolve_uri_if_local

from bridge.address import folder_of_uri
from bridge.store.create import ensure_store
from bridge.store.open import restore_default_experiment
from bridge_mlflow.addresses import artifacts_uri
from bridge_mlflow.called_workspace import CalledWorkspace
from bridge_mlflow.companion import Companion
from bridge_mlflow.confinement import check_location


class TrackedWorkspace(CalledWorkspace):
    """The workspace that a `bridge:` URI names. The constructor creates the workspace if it does not exist.

    Raises:
        BridgeError: the workspace cannot be opened or created.
    """

    def __init__(self, store_uri: str) -> None:
        super().__init__(ensure_store(folder_of_uri(store_uri)))
        restore_default_experiment(self.stores)
        self._companion = Companion.of(self.stores)

    @property
    def companion(self) -> Companion:
        """The companion."""
        return self._companion

    @property
    def artifact_root_uri(self) -> str:
        """The URI below which the artifacts are stored."""
        return artifacts_uri(self.stores.address)

    def checked_location(self, location: str) -> str:
        """Return an artifact location, a relative path as an absolute one.

        Raises:
            MlflowException: this process is MLflow's server, and the location is in another workspace.
        """
        resolved = str(resolve_uri_if_local(location))
        check_location(resolved, "artifact location")
        return resolved
