"""MLflow's way into Runbridge: what the entry points of the package name.

MLflow loads these while its own package is half imported, so nothing here imports MLflow before a function is called.
No function has the name of a module beside it, which would take its place here when it is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow.genai.scorers.registry import AbstractScorerStore
    from mlflow.projects.backend.abstract_backend import AbstractBackend
    from mlflow.store.artifact.artifact_repo import ArtifactRepository
    from mlflow.store.model_registry.abstract_store import AbstractStore as AbstractRegistry
    from mlflow.store.tracking.abstract_store import AbstractStore


def open_tracking_store(store_uri: str, artifact_uri: str | None = None, **kwargs: Any) -> AbstractStore:
    """The tracking store of the workspace that a `bridge:` URI names; `artifact_uri` is not looked at."""
    from bridge_mlflow.tracking_store import BridgeTrackingStore

    return BridgeTrackingStore(store_uri)  # type: ignore[abstract]  # what is abstract comes from a table of names


def open_artifact_repository(
    artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None, **kwargs: Any
) -> ArtifactRepository:
    """The artifacts below a `bridge:` URI; it says by itself where they lie."""
    from bridge_mlflow.artifact_repository import BridgeArtifactRepository

    return BridgeArtifactRepository(artifact_uri, tracking_uri, registry_uri)


def model_registry_store(store_uri: str, tracking_uri: str | None = None, **kwargs: Any) -> AbstractRegistry:
    """The model registry of the workspace that a `bridge:` URI names."""
    from bridge_mlflow import model_registry

    return model_registry.build(store_uri, tracking_uri)


def scorer_store(tracking_uri: str | None = None, **kwargs: Any) -> AbstractScorerStore:
    """The scorers of the workspace that a `bridge:` URI names, which its tracking store keeps."""
    from mlflow.genai.scorers.registry import MlflowTrackingStore

    return MlflowTrackingStore(tracking_uri)


def bridge_backend() -> AbstractBackend:
    """What `mlflow run --backend bridge` submits by."""
    from bridge_mlflow.project_backend import BridgeProjectBackend

    return BridgeProjectBackend()


def azureml_backend() -> AbstractBackend:
    """What `mlflow run --backend azureml` submits by: what Azure's own plugin brings, where that is installed."""
    from bridge_mlflow.project_backend import azures_own_backend

    return azures_own_backend() or bridge_backend()
