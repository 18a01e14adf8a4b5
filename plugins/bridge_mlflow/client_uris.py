"""The artifact URIs in MLflow's entities, as clients see them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mlflow.entities import LoggedModel, Trace, TraceInfo
from mlflow.entities.model_registry import ModelVersion
from mlflow.entities.trace_info_v2 import TraceInfoV2

from bridge_mlflow.mlflow_private import set_source

ARTIFACT_LOCATION_TAG = "mlflow.artifactLocation"
"""Source: MLflow 3.17.2, `mlflow.utils.mlflow_tags.MLFLOW_ARTIFACT_LOCATION`."""


def with_client_uris(answer: Any, client_uri: Callable[[str], str]) -> Any:
    """Replace the artifact URIs in an entity, or in a list of entities, and return it."""
    if isinstance(answer, LoggedModel):
        answer.artifact_location = client_uri(answer.artifact_location)
    elif isinstance(answer, (TraceInfo, TraceInfoV2)):
        if ARTIFACT_LOCATION_TAG in answer.tags:
            answer.tags[ARTIFACT_LOCATION_TAG] = client_uri(answer.tags[ARTIFACT_LOCATION_TAG])
    elif isinstance(answer, Trace):
        with_client_uris(answer.info, client_uri)
    elif isinstance(answer, (list, tuple)):
        for one in answer:
            with_client_uris(one, client_uri)
    return answer


def with_client_source(answer: Any, client_uri: Callable[[str], str]) -> Any:
    """Replace the sources in versions of registered models, or in a list of them, and return it."""
    if isinstance(answer, ModelVersion):
        set_source(answer, client_uri(answer.source or ""))
    elif isinstance(answer, (list, tuple)):
        for one in answer:
            with_client_source(one, client_uri)
    return answer
