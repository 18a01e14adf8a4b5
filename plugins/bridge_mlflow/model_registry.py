"""The model registry of a workspace: registered models, prompts and webhooks in MLflow's own tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mlflow.entities.model_registry import ModelVersion
from mlflow.store.model_registry.abstract_store import AbstractStore

from bridge.address import folder_of_uri
from bridge.server_address import is_server_address, server_address
from bridge.store.create import ensure_store
from bridge_mlflow.companion import Companion
from bridge_mlflow.confinement import check_location
from bridge_mlflow.forwarded import REGISTRY_READS, REGISTRY_WRITES
from bridge_mlflow.remote_workspace import RestCompanion
from bridge_mlflow.translate.errors import translated


class _Registry(AbstractStore):
    def __init__(self, store_uri: str, tracking_uri: str | None = None) -> None:
        AbstractStore.__init__(self, store_uri, tracking_uri)
        self.companion: Any = (
            RestCompanion(server_address(store_uri))
            if is_server_address(store_uri)
            else Companion.of(ensure_store(folder_of_uri(store_uri)))
        )


def _forwarding(name: str, writes: bool) -> Callable[..., Any]:
    @translated
    def method(self: _Registry, /, *args: Any, **kwargs: Any) -> Any:
        return self.companion.call_registry(name, writes, *args, **kwargs)

    method.__name__ = name
    return method


@translated
def _create_model_version(self: _Registry, name: str, source: str, *args: Any, **kwargs: Any) -> ModelVersion:
    check_location(source, "model version source")
    made: ModelVersion = self.companion.call_registry("create_model_version", True, name, source, *args, **kwargs)
    return made


_methods = {name: _forwarding(name, name in REGISTRY_WRITES) for name in REGISTRY_READS | REGISTRY_WRITES}
_methods["create_model_version"] = _create_model_version
BridgeRegistryStore: type[AbstractStore] = type("BridgeRegistryStore", (_Registry,), _methods)
"""The model registry of one workspace. MLflow's own SQL registry answers every method.

A process of MLflow's server refuses a model version whose files are in another workspace.
"""


@translated
def build(store_uri: str, tracking_uri: str | None = None) -> AbstractStore:
    """Return the registry of the workspace that a `bridge:` URI names."""
    return BridgeRegistryStore(store_uri, tracking_uri)
