"""A workspace on a server as MLflow's tracking store sees it: the one that a `bridge+http:` URI names."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NoReturn

from mlflow.store.model_registry.rest_store import RestStore as RestRegistry
from mlflow.store.tracking.rest_store import RestStore
from mlflow.utils.rest_utils import MlflowHostCreds

from bridge.server_address import mlflow_uri_of, server_address
from bridge.store.open import open_store
from bridge.store.token import find_token
from bridge_mlflow.addresses import FOLDER_OF_ARTIFACTS, PROXY_ROOT
from bridge_mlflow.called_workspace import CalledWorkspace
from bridge_mlflow.client_uris import with_client_source, with_client_uris
from bridge_mlflow.translate.errors import invalid


class RemoteWorkspace(CalledWorkspace):
    """The workspace that a `bridge+http:` URI names.

    Experiments, runs and metrics are read and written with the native API. So metrics wait on this computer while the
    server does not answer. All other calls are sent to the server with MLflow's REST API.

    Raises:
        BridgeError: the workspace cannot be opened.
    """

    def __init__(self, store_uri: str) -> None:
        super().__init__(open_store(server_address(store_uri)))
        self._companion = RestCompanion(self.stores.address)

    @property
    def companion(self) -> Any:
        """The object that sends all other calls to the server."""
        return self._companion

    @property
    def has_tables(self) -> bool:
        """Return False: the server updates MLflow's own tables itself."""
        return False

    @property
    def artifact_root_uri(self) -> str:
        """The URI below which the artifacts are stored."""
        return remote_artifacts_uri(self.stores.address)

    def checked_location(self, location: str) -> str:
        """Return an artifact location. The server checks it."""
        return location

    def changing_run(self, run_id: str) -> AbstractContextManager[Any]:
        """Return a block without an effect: the server updates MLflow's own tables itself."""
        return nullcontext()


class RestCompanion:
    """Sends the calls that do not concern experiments or runs to a server, with MLflow's REST API.

    Args:
        address: the address of the workspace.
    """

    exists = True

    def __init__(self, address: str) -> None:
        self._address = address
        self._rest = RestStore(self._credentials)
        self._registry = RestRegistry(self._credentials)

    def _credentials(self) -> MlflowHostCreds:
        return MlflowHostCreds(self._address, token=find_token(self._address))

    def call(self, name: str, /, *args: Any, **kwargs: Any) -> Any:
        """Call a method of MLflow's tracking store on the server, and return its result."""
        return with_client_uris(getattr(self._rest, name)(*args, **kwargs), self._client_uri)

    def call_registry(self, name: str, writes: bool, /, *args: Any, **kwargs: Any) -> Any:
        """Call a method of MLflow's model registry on the server, and return its result."""
        sent = [self._server_uri(one) if isinstance(one, str) else one for one in args]
        named = {key: self._server_uri(one) if isinstance(one, str) else one for key, one in kwargs.items()}
        answer = getattr(self._registry, name)(*sent, **named)
        return self._client_uri(answer) if isinstance(answer, str) else with_client_source(answer, self._client_uri)

    def log_model_metrics(self, record: Any, metrics: Sequence[Any]) -> None:
        """Store metrics that name a logged model as metrics of this model.

        They were also logged as metrics of the run. MLflow's API counts equal points of a run once.
        """
        self._rest.log_batch(record.id, list(metrics), [], [])

    def experiment_changed(self, experiment_id: str) -> None:
        """Do nothing: the server updates MLflow's own tables itself."""

    def session(self, read_only: bool = True) -> NoReturn:
        """Raise an error: a client has no access to MLflow's own tables."""
        raise invalid("This call is possible only on the computer of the server, with the folder of the workspace")

    def sql_part(self, name: str) -> NoReturn:
        """Raise an error: a client has no access to MLflow's own tables."""
        raise AttributeError(name)

    def _client_uri(self, place: str) -> str:
        """Return the URI with which this client reads the files at a URI of the server."""
        if place.startswith(PROXY_ROOT) and not place.startswith(f"{PROXY_ROOT}/"):
            return f"{remote_artifacts_uri(self._address)}/{place[len(PROXY_ROOT) :]}"
        return place

    def _server_uri(self, place: str) -> str:
        """Return the URI of the server for a URI of this client."""
        root = f"{remote_artifacts_uri(self._address)}/"
        return PROXY_ROOT + place[len(root) :] if place.startswith(root) else place


def remote_artifacts_uri(address: str) -> str:
    """Return the URI below which MLflow's clients with the plugin find the artifacts of a workspace on a server."""
    return f"{mlflow_uri_of(address)}/{FOLDER_OF_ARTIFACTS}"
