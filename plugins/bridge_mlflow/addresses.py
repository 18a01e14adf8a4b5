"""The `bridge:` URIs by which MLflow names a workspace and the places of its artifacts."""

from __future__ import annotations

import os

from bridge.address import SCHEME, folder_of_uri, uri_of_folder
from bridge.errors import InvalidValue, NotFound

COMPANION_FILE = "mlflow.db"
"""MLflow's own tables of a workspace, in its folder, from the first write of them on."""
FOLDER_OF_ARTIFACTS = "artifacts"
PROXY_ROOT = "mlflow-artifacts:/"
DESTINATION_VARIABLE = "_MLFLOW_SERVER_ARTIFACT_DESTINATION"
"""Source: MLflow 3.17.2, `mlflow.server.constants.ARTIFACTS_DESTINATION_ENV_VAR`."""


def is_workspace(folder: str) -> bool:
    """Whether a folder holds a workspace."""
    return os.path.isfile(os.path.join(folder, "workspace.db"))


def split_artifact_uri(uri: str) -> tuple[str, str]:
    """The folder of the workspace in which a URI lies, and the path below its artifacts folder.

    The outermost workspace whose artifacts folder the URI names counts: what users upload cannot pose as one.
    The name of the artifacts folder may be left out, for a server joins paths to the workspace that it passes on into;
    then the innermost workspace counts, for one may lie in the folder of another.

    Raises:
        InvalidValue: it is no `bridge:` URI.
        NotFound: it lies in no workspace.
    """
    segments = folder_of_uri(uri).split("/")
    innermost: tuple[str, str] | None = None
    for end in range(1, len(segments) + 1):
        if is_workspace(workspace := "/".join(segments[:end]) or "/"):
            below = segments[end:]
            if below[:1] == [FOLDER_OF_ARTIFACTS]:
                return workspace, "/".join(below[1:])
            innermost = workspace, "/".join(below)
    if innermost is None:
        raise NotFound("workspace", uri, "artifacts lie in the artifacts folder of a workspace")
    return innermost


def split_root(path: str) -> tuple[str, str]:
    """The artifact root and the path below it that a path below the artifacts folder names.

    A root ends in a segment `artifacts`, the third or a later one:
    `<experiment>/<run>/artifacts`, `<experiment>/models/<model>/artifacts`.
    A path through no root belongs to the artifacts folder itself.
    """
    segments = path.split("/")
    for index, segment in enumerate(segments):
        if index >= 2 and segment == FOLDER_OF_ARTIFACTS:
            return "/".join(segments[: index + 1]), "/".join(segments[index + 1 :])
    return "", path


def artifacts_uri(address: str) -> str:
    """The URI below which the artifacts of a workspace lie, as MLflow clients are told it at this moment.

    Where MLflow's server passes artifacts on into the same workspace, clients are told to ask it: they need no plugin.
    That is read from the environment at each answer, for a server makes its first store before it sets the variable.
    """
    destination = os.environ.get(DESTINATION_VARIABLE, "")
    if destination.startswith(f"{SCHEME}:"):
        try:
            if split_artifact_uri(destination) == (address, ""):
                return PROXY_ROOT.rstrip("/")
        except (InvalidValue, NotFound):
            pass
    return uri_of_folder(os.path.join(address, FOLDER_OF_ARTIFACTS))
