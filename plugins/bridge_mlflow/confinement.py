"""The places of artifacts that a process of MLflow's server takes from its clients: those of its own workspace."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from mlflow.utils.file_utils import local_file_uri_to_path

from bridge.address import SCHEME, folder_of_uri
from bridge.errors import InvalidValue, NotFound
from bridge.journal.system import CallFailed, system
from bridge.records.artifact import folders_above
from bridge_mlflow.addresses import (
    DESTINATION_VARIABLE,
    FOLDER_OF_ARTIFACTS,
    is_workspace,
    split_artifact_uri,
    split_root,
)
from bridge_mlflow.translate.errors import invalid

STORE_VARIABLES = ("_MLFLOW_SERVER_FILE_STORE", "_MLFLOW_SERVER_REGISTRY_STORE")
PLACE_VARIABLES = ("_MLFLOW_SERVER_ARTIFACT_ROOT", DESTINATION_VARIABLE)
"""What MLflow's server tells its workers: the stores and the places of artifacts that its operator named.

Source: MLflow 3.17.2, `mlflow.server.constants`.
"""
LOCATION_TAGS = frozenset({"mlflow.artifactLocation", "mlflow.trace.archiveLocation"})
"""Tags of a trace that MLflow's server reads as addresses; source: MLflow 3.17.2, `mlflow.tracing.utils`."""
TAG_OF_SPAN = "mlflow.traceTag."
"""Begins an attribute of a span that becomes a tag of its trace; source: MLflow 3.17.2, `mlflow.tracing.constant`."""


def check_place(uri: str, what: str) -> None:
    """Refuse, in a process of MLflow's server, a place of artifacts that lies in another workspace.

    A client of a server has no rights of its own on the server's host, so `bridge:` URIs name a workspace that the
    operator named, and a path or `file:` URI leads into no workspace's folder: its own has `bridge:` URIs.
    In other processes a person acts with the rights of their own user, and every place is taken.
    The environment is read at each call: a server makes its first store before it sets the variables.

    Args:
        uri: the place.
        what: what the place is, for the sentence.

    Raises:
        MlflowException: INVALID_PARAMETER_VALUE; it does not say whether there is such a workspace.
    """
    if not is_server():
        return
    scheme = urlsplit(uri).scheme.lower()
    if scheme == SCHEME and not _is_served(uri):
        raise invalid(f"Invalid {what}: '{uri}'. A server takes bridge: URIs of the workspace that it serves only.")
    # A word, such as the source of a prompt, is no path.
    if (scheme == "file" or os.path.isabs(uri)) and _is_in_a_workspace(local_file_uri_to_path(uri)):
        raise invalid(f"Invalid {what}: '{uri}'. A server takes no path into the folder of a workspace.")


def check_trace_tags(tags: Mapping[str, Any]) -> None:
    """Refuse tags of a trace by which MLflow's server would read in another workspace.

    Raises:
        MlflowException: as for `check_place`.
    """
    for key in LOCATION_TAGS & tags.keys():
        check_place(str(tags[key]), f"value of the trace tag {key}")


def check_forwarded(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Refuse arguments of a forwarded method that would bring a trace such tags, or an id that is a way out.

    Raises:
        MlflowException: as for `check_place`.
    """
    if not is_server():
        return
    if name == "set_trace_tag":
        named = {**dict(zip(("trace_id", "key", "value"), args, strict=False)), **kwargs}
        check_trace_tags({named.get("key", ""): named.get("value")})
    elif name in ("start_trace", "deprecated_start_trace_v2", "deprecated_end_trace_v2"):
        for one in (*args, *kwargs.values()):
            _check_trace_id(getattr(one, "trace_id", ""))
            check_trace_tags(one if isinstance(one, dict) else getattr(one, "tags", {}))
    elif name in ("log_spans", "log_spans_async"):
        for span in (span for one in (*args, *kwargs.values()) if isinstance(one, list) for span in one):
            check_trace_tags({key.removeprefix(TAG_OF_SPAN): value for key, value in span.attributes.items()})


def _check_trace_id(trace_id: str) -> None:
    """Refuse an id that leads out of the folder of traces, of which MLflow makes the place of a trace."""
    decoded = trace_id
    while decoded != unquote(decoded):
        decoded = unquote(decoded)
    if ".." in decoded.replace("\\", "/").split("/"):
        raise invalid(f"Invalid trace id: '{trace_id}'. It must not lead to another folder.")


def is_server() -> bool:
    """Whether this process answers the clients of a server of MLflow's, or works for one that does."""
    return any(name in os.environ for name in STORE_VARIABLES + PLACE_VARIABLES)


def check_root(workspace: str, root: str) -> None:
    """Refuse, in a process of MLflow's server, an artifact root that leads out of its workspace.

    A workspace may lie among the artifacts of another one, and a link lead anywhere.
    What users upload lies below roots, so nobody can make a folder look like a workspace there.

    Raises:
        MlflowException: INVALID_PARAMETER_VALUE.
    """
    if is_server() and _leads_into_another(workspace, root):
        raise invalid(f"Invalid path: '{root}' lies in another workspace than the one that this server serves")


def _is_served(uri: str) -> bool:
    try:
        workspace, path = split_artifact_uri(uri)
    except (InvalidValue, NotFound):
        return False
    if _leads_into_another(workspace, split_root(path)[0] or path):
        return False
    return any(_is_same(workspace, served) for served in _served())


def _leads_into_another(workspace: str, path: str) -> bool:
    """Whether a path below the artifacts folder runs through another workspace, or through a link."""
    folders = [*folders_above(path), path] if path else []
    places = [os.path.join(workspace, FOLDER_OF_ARTIFACTS, folder) for folder in folders]
    return any(os.path.islink(place) or is_workspace(place) for place in places)


def _served() -> Iterator[str]:
    """The folders of the workspaces that the operator named."""
    for name in STORE_VARIABLES + PLACE_VARIABLES:
        try:
            uri = os.environ.get(name, "")
            yield folder_of_uri(uri) if name in STORE_VARIABLES else split_artifact_uri(uri)[0]
        except (InvalidValue, NotFound):  # not one of ours
            pass


def _is_same(one: str, other: str) -> bool:
    try:
        return os.path.samestat(system(os.stat, one), system(os.stat, other))
    except CallFailed:
        return False


def _is_in_a_workspace(path: str) -> bool:
    resolved = Path(os.path.realpath(path))
    return any(is_workspace(str(folder)) for folder in (resolved, *resolved.parents))
