"""The stores of MLflow's application: each call goes to the workspace of the request that is being answered.

MLflow's handlers keep their stores in variables of modules, so that all requests of a process share them. Objects of
this module replace these variables.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any, NoReturn
from weakref import WeakKeyDictionary

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import FEATURE_DISABLED
from mlflow.server import handlers, workspace_helpers
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.artifact_repository_registry import get_registered_artifact_repositories
from mlflow.store.model_registry import sqlalchemy_store

from bridge.address import uri_of_folder
from bridge.errors import BridgeError
from bridge.server.workspaces import ServedWorkspace, current_workspace
from bridge_mlflow import mlflow_private, model_registry
from bridge_mlflow.addresses import SERVED, served_artifacts
from bridge_mlflow.artifact_repository import BridgeArtifactRepository
from bridge_mlflow.server.environment import REQUEST_URI
from bridge_mlflow.tracking_store import BridgeTrackingStore
from bridge_mlflow.translate.errors import mlflow_error

SERVED_SCHEME = SERVED.partition(":")[0]


class Router:
    """An object whose attributes are those of an object that each workspace has.

    Outside a request of a workspace, reading any attribute raises an error.

    Args:
        make: creates the object of a workspace, given the URI of the workspace.
    """

    def __init__(self, make: Callable[[str], Any]) -> None:
        self.__dict__["_make"] = make
        self.__dict__["_made"] = WeakKeyDictionary[ServedWorkspace, Any]()
        self.__dict__["_lock"] = threading.Lock()

    def _target(self) -> Any:
        try:
            workspace = current_workspace()
        except BridgeError as error:
            raise mlflow_error(error) from error
        with self._lock:
            if workspace not in self._made:
                self._made[workspace] = self._make(uri_of_folder(workspace.stores.address))
            return self._made[workspace]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target(), name)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"the attribute {name!r} cannot be set, because all workspaces share this object")

    @property  # type: ignore[misc]  # it is read-only
    def __class__(self) -> type:
        """The class of the workspace's object, because MLflow's handlers use `isinstance`."""
        found: type = self._target().__class__
        return found


class Closed:
    """An object each of whose attributes raises an error."""

    def __getattr__(self, name: str) -> NoReturn:
        raise MlflowException("This server has no jobs, and its workspaces are not MLflow's.", FEATURE_DISABLED)


class ServedRepository(BridgeArtifactRepository):
    """The artifacts of the request's workspace. The server has made the URI."""

    is_from_client = False


_tracking = Router(BridgeTrackingStore)

REPLACED: dict[Any, dict[str, Any]] = {
    handlers: {
        "_tracking_store": _tracking,
        "_model_registry_store": Router(model_registry.build),
        "_artifact_repo": Router(ServedRepository),
        "_job_store": Closed(),
    },
    workspace_helpers: {"_workspace_store": Closed()},
    # The registry reads logged models with the client of the process, which has no workspace. A store has the methods
    # of the client that the registry calls.
    sqlalchemy_store: {"MlflowClient": lambda: _tracking},
}
"""The variables of MLflow's modules that this module replaces."""


def install() -> None:
    """Replace the variables, and let the tracking URI of this process name the workspace of the request."""
    for module, variables in REPLACED.items():
        for name, value in variables.items():
            setattr(module, name, value)
    # MLflow imports this module during some requests. It would open a database of users in the working directory.
    sys.modules["mlflow.server.auth"] = None  # type: ignore[assignment]
    if SERVED_SCHEME not in get_registered_artifact_repositories():
        mlflow_private.register_artifact_repository(SERVED_SCHEME, _served_repository)
        mlflow_private.register_tracking_store(REQUEST_URI.partition(":")[0], _store_of_request)
    mlflow.set_tracking_uri(REQUEST_URI)
    mlflow.set_registry_uri(REQUEST_URI)


def _served_repository(
    artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None
) -> ArtifactRepository:
    """Return the repository of an address below `SERVED`, in the workspace of the request."""
    try:
        place = served_artifacts(artifact_uri)
    except BridgeError as error:
        raise mlflow_error(error) from error
    return ServedRepository(place)


def _store_of_request(store_uri: str | None = None, artifact_uri: str | None = None, **later: Any) -> Router:
    """Return the tracking store of the request's workspace. MLflow's registry opens it by the URI of the process."""
    router: Router = REPLACED[handlers]["_tracking_store"]
    return router
