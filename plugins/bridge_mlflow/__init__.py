"""The entry points by which MLflow finds Runbridge.

MLflow loads this module while its own package is half imported, so nothing here imports MLflow before a function is
called.
No function here has the name of a module of this package, because Python would replace the function when it imports
that module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge_mlflow.removed import install_finder

if TYPE_CHECKING:
    from mlflow.genai.scorers.registry import AbstractScorerStore
    from mlflow.projects.backend.abstract_backend import AbstractBackend
    from mlflow.store.artifact.artifact_repo import ArtifactRepository
    from mlflow.store.model_registry.abstract_store import AbstractStore as AbstractRegistry
    from mlflow.store.tracking.abstract_store import AbstractStore

install_finder()


def open_tracking_store(store_uri: str, artifact_uri: str | None = None, **kwargs: Any) -> AbstractStore:
    """Return the tracking store of the workspace that a `bridge:` URI names; `artifact_uri` is ignored."""
    from bridge_mlflow.tracking_store import BridgeTrackingStore

    return BridgeTrackingStore(store_uri)  # type: ignore[abstract]  # a loop in the module adds the other methods


def open_artifact_repository(
    artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None, **kwargs: Any
) -> ArtifactRepository:
    """Return the artifact repository of a `bridge:` URI; the other two URIs are ignored."""
    from bridge_mlflow.artifact_repository import BridgeArtifactRepository

    return BridgeArtifactRepository(artifact_uri, tracking_uri, registry_uri)


def model_registry_store(store_uri: str, tracking_uri: str | None = None, **kwargs: Any) -> AbstractRegistry:
    """Return the model registry of the workspace that a `bridge:` URI names."""
    from bridge_mlflow import model_registry

    return model_registry.build(store_uri, tracking_uri)


def scorer_store(tracking_uri: str | None = None, **kwargs: Any) -> AbstractScorerStore:
    """Return MLflow's store of scorers, which passes every call to the tracking store of the workspace."""
    from mlflow.genai.scorers.registry import MlflowTrackingStore

    return MlflowTrackingStore(tracking_uri)


def bridge_backend() -> AbstractBackend:
    """Return the backend of `mlflow run --backend bridge`."""
    from bridge_mlflow.project_backend import BridgeProjectBackend

    return BridgeProjectBackend()


def azureml_backend() -> AbstractBackend:
    """Return the backend of `mlflow run --backend azureml`.

    If Azure's own plugin for MLflow is installed, this is the backend of that plugin, otherwise that of Runbridge.
    """
    from bridge_mlflow.project_backend import azures_own_backend

    return azures_own_backend() or bridge_backend()
