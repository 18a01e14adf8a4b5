"""The artifact locations that MLflow's server accepts from its clients: those in its own workspace."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    SERVED,
    is_workspace,
    served_address,
    split_artifact_uri,
    split_root,
)
from bridge_mlflow.translate.errors import invalid

STORE_VARIABLES = ("_MLFLOW_SERVER_FILE_STORE", "_MLFLOW_SERVER_REGISTRY_STORE")
LOCATION_VARIABLES = ("_MLFLOW_SERVER_ARTIFACT_ROOT", DESTINATION_VARIABLE)
"""`STORE_VARIABLES` and `LOCATION_VARIABLES` are set in the processes of MLflow's server.

They contain the URIs of the stores and the artifact locations that the operator of the server chose.
Source: MLflow 3.17.2, `mlflow.server.constants`.
"""
LOCATION_TAGS = frozenset({"mlflow.artifactLocation", "mlflow.trace.archiveLocation"})
"""Tags of a trace that MLflow's server uses as locations. Source: MLflow 3.17.2, `mlflow.tracing.utils`."""
SPANS_LOCATION, STORE_OF_SPANS, REPOSITORY_OF_SPANS = "mlflow.trace.spansLocation", "TRACKING_STORE", "ARTIFACT_REPO"
"""The tag of a trace that tells MLflow's server where the spans are, and the two values that a client may set.

Source: MLflow 3.17.2, `mlflow.tracing.constant.SpansLocation`.
"""
SOURCE = "model version source"
SOURCES_OF_PROMPTS = frozenset({"dummy-source", "prompt-template"})
"""The sources that MLflow's client gives to the versions of a prompt.

Source: MLflow 3.17.2, `mlflow.prompt.constants`.
"""
SOURCE_MODEL = re.compile(r"models:/[^/%?#\\:\s]+(/\d+)?")
TAG_OF_SPAN = "mlflow.traceTag."
"""Prefix of span attributes that become tags of the trace. Source: MLflow 3.17.2, `mlflow.tracing.constant`."""


def check_location(uri: str, what: str) -> None:
    """Refuse, in a process of MLflow's server, an artifact location in another workspace.

    A client has no rights of its own on the server's host. Its `bridge:` URIs must therefore name a workspace that the
    operator chose, and its paths and `file:` URIs must not lead into the folder of any workspace.
    In other processes every location is accepted, because these processes have the rights of the user who started them.
    Each call reads the environment variables, because the server creates its first store before it sets them.

    Args:
        uri: the location.
        what: the kind of location; it is part of the error message.

    Raises:
        MlflowException: INVALID_PARAMETER_VALUE. The message does not reveal whether the workspace exists.
    """
    workspace = _workspace_of_request()
    if workspace is not None:
        _check_on_our_server(workspace, uri, what)
        return
    if not is_server():
        return
    scheme = urlsplit(uri).scheme.lower()
    if scheme == SCHEME and not _is_served(uri):
        raise invalid(f"Invalid {what}: '{uri}'. A bridge: URI must be in the workspace that this server serves.")
    # A text without a leading slash, such as the source of a prompt, is not a path.
    if (scheme == "file" or os.path.isabs(uri)) and _is_in_a_workspace(local_file_uri_to_path(uri)):
        raise invalid(f"Invalid {what}: '{uri}'. On a server, a path must not be in the folder of a workspace.")


def _workspace_of_request() -> Any:
    """Return the workspace of the request that our own server is answering; None in other processes and threads."""
    module = sys.modules.get("bridge.server.workspaces")  # clients do not need it
    return module.current.get(None) if module is not None else None


def _check_on_our_server(workspace: Any, uri: str, what: str) -> None:
    """Refuse a location that is neither in the workspace of the request nor below a prefix that the operator allowed.

    The source of a version of a registered model can also be a model of the workspace, or the text that MLflow's client
    sends for a prompt.
    """
    from bridge.server.files.locations import check_location as check

    if what == SOURCE and (uri in SOURCES_OF_PROMPTS or SOURCE_MODEL.fullmatch(uri)):
        return
    try:
        check(uri, workspace.stores.address, workspace.file_rules.allowed, what)
    except InvalidValue as error:
        raise invalid(f"Invalid {what}: {error.sentence}") from error


def check_trace_tags(tags: Mapping[str, Any]) -> None:
    """Refuse tags of a trace that would make MLflow's server read from another workspace.

    Raises:
        MlflowException: as for `check_location`.
    """
    for key in LOCATION_TAGS & tags.keys():
        check_location(str(tags[key]), f"value of the trace tag {key}")
    if tags.get(SPANS_LOCATION, STORE_OF_SPANS) not in (STORE_OF_SPANS, REPOSITORY_OF_SPANS):
        raise invalid(f"Invalid value of the trace tag {SPANS_LOCATION}: a client cannot move spans to an archive.")


def check_forwarded(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Check the arguments of a method of MLflow's own store, if the method writes traces.

    The tags of a trace must pass `check_trace_tags`. The id of a trace must not lead out of the folder of traces.

    Raises:
        MlflowException: as for `check_location`.
    """
    if not is_server() and _workspace_of_request() is None:
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
    """Refuse a trace id that leads out of the folder of traces. MLflow stores a trace in a folder named by its id."""
    decoded = trace_id
    while decoded != unquote(decoded):
        decoded = unquote(decoded)
    if ".." in decoded.replace("\\", "/").split("/"):
        raise invalid(f"Invalid trace id: '{trace_id}'. A trace id must not contain the path segment '..'.")


def is_server() -> bool:
    """Return whether this process is an MLflow server or one of its workers."""
    return any(name in os.environ for name in STORE_VARIABLES + LOCATION_VARIABLES)


def check_root(workspace: str, root: str) -> None:
    """Refuse, in a process of MLflow's server, an artifact root that leads out of its workspace.

    The artifacts folder of a workspace may contain another workspace, or links to other folders.
    A folder that contains a file `workspace.db` counts as a workspace. Only the folders above the root are checked for
    this file, because a user may upload a file of any name into the root.

    Raises:
        MlflowException: INVALID_PARAMETER_VALUE.
    """
    above = list(folders_above(root))
    if is_server() and (_has_link(workspace, [*above, root]) or _has_workspace(workspace, above)):
        raise invalid(f"Invalid path: '{root}' is in another workspace than the one that this server serves")


def _is_served(uri: str) -> bool:
    try:
        workspace, path = split_artifact_uri(uri)
    except (InvalidValue, NotFound):
        return False
    path = split_root(path)[0] or path
    folders = [*folders_above(path), path] if path else []
    if _has_link(workspace, folders) or _has_workspace(workspace, folders):
        return False
    return any(_is_same(workspace, served) for served in _served())


def _has_link(workspace: str, folders: Iterable[str]) -> bool:
    """Return whether one of the paths below the artifacts folder is a link."""
    return any(os.path.islink(os.path.join(workspace, FOLDER_OF_ARTIFACTS, folder)) for folder in folders)


def _has_workspace(workspace: str, folders: Iterable[str]) -> bool:
    """Return whether one of the folders below the artifacts folder is a workspace."""
    return any(is_workspace(os.path.join(workspace, FOLDER_OF_ARTIFACTS, folder)) for folder in folders)


def _served() -> Iterator[str]:
    """Yield the folders of the workspaces that the operator chose, or only that of the request's workspace."""
    if os.environ.get(DESTINATION_VARIABLE) == SERVED:
        yield served_address()
        return
    for name in STORE_VARIABLES + LOCATION_VARIABLES:
        try:
            uri = os.environ.get(name, "")
            yield folder_of_uri(uri) if name in STORE_VARIABLES else split_artifact_uri(uri)[0]
        except (InvalidValue, NotFound):  # the variable does not name a workspace
            pass


def _is_same(one: str, other: str) -> bool:
    try:
        return os.path.samestat(system(os.stat, one), system(os.stat, other))
    except CallFailed:
        return False


def _is_in_a_workspace(path: str) -> bool:
    resolved = Path(os.path.realpath(path))
    return any(is_workspace(str(folder)) for folder in (resolved, *resolved.parents))
