"""The `bridge:` URIs of a workspace's artifacts."""

from __future__ import annotations

import os
import re
from urllib.parse import quote, unquote

from bridge.address import SCHEME, folder_of_uri, uri_of_folder
from bridge.errors import InvalidValue, NotFound
from bridge.records.artifact import check_artifact_path
from bridge.server_address import is_server_address, server_address

COMPANION_FILE = "mlflow.db"
"""The database with MLflow's own tables, in the folder of the workspace; created by the first write to them."""
FOLDER_OF_ARTIFACTS = "artifacts"
PROXY_ROOT = "mlflow-artifacts:/"
DESTINATION_VARIABLE = "_MLFLOW_SERVER_ARTIFACT_DESTINATION"
"""The environment variable with the location at which MLflow's server stores the artifacts that clients send to it.

Source: MLflow 3.17.2, `mlflow.server.constants.ARTIFACTS_DESTINATION_ENV_VAR`.
"""

REMOTE_ARTIFACTS = re.compile(r"([^:]+://[^/]+(?:/.*?)??(?:/w/[^/]+)?)/artifacts(?:/(.*))?")
"""The artifact URIs of workspaces on servers: the address of the workspace, and the path below its artifacts folder."""

SERVED = "bridge-served:/"
"""The value of `DESTINATION_VARIABLE` in a server of several workspaces: the artifacts of the request's workspace."""


def served_artifacts(uri: str) -> str:
    """Return the `bridge:` URI of an address below `SERVED`, in the workspace of the request that is being answered.

    Raises:
        InvalidValue: the address is not a path below the artifacts folder.
        NotFound: no request is being answered.
    """
    path = check_artifact_path(uri[len(SERVED) :].lstrip("/"))
    return f"{uri_of_folder(os.path.join(served_address(), FOLDER_OF_ARTIFACTS))}/{quote(path)}"


def served_address() -> str:
    """Return the folder of the workspace of the request that is being answered.

    Raises:
        NotFound: no request is being answered.
    """
    from bridge.server.workspaces import current_workspace  # clients do not need the server's modules

    return current_workspace().stores.address


def is_workspace(folder: str) -> bool:
    """Return whether a folder is the folder of a workspace."""
    return os.path.isfile(os.path.join(folder, "workspace.db"))


def split_artifact_uri(uri: str) -> tuple[str, str]:
    """Split an artifact URI into the folder of a workspace and the path below the artifacts folder of that workspace.

    If the URI passes through the artifacts folders of several workspaces, the outermost workspace is returned,
    because the other workspaces can be artifacts: folders of workspaces that a user has uploaded.
    The URI may omit the artifacts folder, because MLflow's server joins artifact paths to the URI of the workspace.
    In that case the innermost workspace is returned, because a workspace may be in the folder of another one.

    Raises:
        InvalidValue: the URI is not a `bridge:` URI.
        NotFound: the URI is not in a workspace.
    """
    if is_server_address(uri):
        return _split_remote_uri(uri)
    segments = folder_of_uri(uri).split("/")
    innermost: tuple[str, str] | None = None
    for end in range(1, len(segments) + 1):
        if is_workspace(workspace := "/".join(segments[:end]) or "/"):
            below = segments[end:]
            if below[:1] == [FOLDER_OF_ARTIFACTS]:
                return workspace, "/".join(below[1:])
            innermost = workspace, "/".join(below)
    if innermost is None:
        raise NotFound("workspace", uri, "an artifact URI must begin with the URI of a workspace")
    return innermost


def _split_remote_uri(uri: str) -> tuple[str, str]:
    """Split an artifact URI into the address of a workspace on a server and the path below its artifacts folder."""
    found = REMOTE_ARTIFACTS.fullmatch(uri)
    if found is None:
        raise NotFound("workspace", uri, "the URI of an artifact on a server contains /artifacts after the workspace")
    return server_address(found[1]), unquote(found[2] or "")


def split_root(path: str) -> tuple[str, str]:
    """Split a path below the artifacts folder into the artifact root and the path below that root.

    A root ends with the first segment `artifacts` that follows at least two other segments. Examples are
    `<experiment>/<run>/artifacts` and `<experiment>/models/<model>/artifacts`.
    If the path contains no root, the root is "".
    """
    segments = path.split("/")
    for index, segment in enumerate(segments):
        if index >= 2 and segment == FOLDER_OF_ARTIFACTS:
            return "/".join(segments[: index + 1]), "/".join(segments[index + 1 :])
    return "", path


def artifacts_uri(address: str) -> str:
    """Return the URI below which MLflow's clients find the artifacts of a workspace.

    If this process is an MLflow server that stores its artifacts in this workspace, the URI is `mlflow-artifacts:`.
    Clients then send and receive files through the server, and need no plugin.
    Each call reads `DESTINATION_VARIABLE`, because the server creates its first store before it sets the variable.
    """
    destination = os.environ.get(DESTINATION_VARIABLE, "")
    if destination == SERVED and address == served_address():
        return PROXY_ROOT.rstrip("/")
    if destination.startswith(f"{SCHEME}:"):
        try:
            if split_artifact_uri(destination) == (address, ""):
                return PROXY_ROOT.rstrip("/")
        except (InvalidValue, NotFound):
            pass
    return uri_of_folder(os.path.join(address, FOLDER_OF_ARTIFACTS))
