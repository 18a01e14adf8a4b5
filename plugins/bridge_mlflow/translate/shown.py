"""The parts of a record that MLflow's API shows: tags, values, and the URIs of artifacts.

This module does not import MLflow.
"""

from __future__ import annotations

import posixpath
from urllib.parse import unquote, urlparse, urlunparse

from bridge.address import SCHEME
from bridge.records.experiment import ExperimentRecord
from bridge.records.run import RunRecord
from bridge.records.series import BIG
from bridge_mlflow.addresses import PROXY_ROOT
from bridge_mlflow.translate.refusals import Refusal

RUN_NAME, NOTE, PARENT_RUN_ID = "mlflow.runName", "mlflow.note.content", "mlflow.parentRunId"

ATTRIBUTE_OF_TAG = {RUN_NAME: "display_name", NOTE: "description", PARENT_RUN_ID: "parent_id"}
"""The attributes of our run records for which MLflow uses tags, by the key of the tag."""


def experiment_location(record: ExperimentRecord, artifacts: str) -> str:
    """Return the URI below which an experiment stores artifacts: its own location, or one in the workspace."""
    return record.artifact_location or f"{artifacts}/{record.id}"


def artifact_uri(location: str, run_id: str) -> str:
    """Return the URI of a run's artifacts, in an experiment whose artifacts are stored below `location`.

    Source: MLflow 3.17.2, `mlflow.utils.uri.append_to_uri_path`.

    Raises:
        Refusal: the query of the location contains `..`.
    """
    if location.startswith((f"{SCHEME}:", PROXY_ROOT)):
        return f"{location.rstrip('/')}/{run_id}/artifacts"
    parts = urlparse(location)
    if ".." in _decoded(parts.query):
        raise Refusal("Invalid query string")
    if not parts.scheme:
        return posixpath.join(location, run_id, "artifacts")
    path = posixpath.join(parts.path, run_id, "artifacts")
    if parts.path.startswith("/"):
        return urlunparse(parts._replace(path=path))
    # `urlunparse` would make a path without a slash absolute.
    return f"{parts.scheme}:" + urlunparse(parts._replace(scheme="", path=path))


def _decoded(text: str) -> str:
    """Return a text, percent-decoded until it does not change."""
    while (decoded := unquote(text)) != text:
        text = decoded
    return text


def shown(value: float) -> float:
    """Return the value of a metric as MLflow shows it: ±inf as ±1.797e308, -0.0 as 0.0, NaN unchanged."""
    if -BIG <= value <= BIG:
        return value + 0.0
    return value if value != value else max(-BIG, min(BIG, value))


def shown_tags(record: RunRecord) -> dict[str, str | None]:
    """Return the tags of a run as MLflow shows them: its tags, attributes, properties and latest logged texts.

    If several of these have the same key, only one is shown: the attribute, else the tag, else the property, else the
    text.
    """
    tags = dict(record.tags)
    for key, value in attribute_tags(record).items():
        tags[key] = value
    for key, value in record.properties.items():
        tags.setdefault(key, value)
    for key, text in record.latest_texts.items():
        tags.setdefault(key, str(text))
    return tags


def attribute_tags(record: RunRecord) -> dict[str, str]:
    """Return the attributes of a run that are tags in MLflow."""
    values = {RUN_NAME: record.display_name, NOTE: record.description, PARENT_RUN_ID: record.parent_id}
    return {key: value for key, value in values.items() if value}
