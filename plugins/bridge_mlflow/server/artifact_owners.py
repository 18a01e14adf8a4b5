"""The runs, logged models and traces to which the artifacts of a workspace belong, and the rights of callers to them.

Logged models, traces and registered models are in the tables of MLflow's own stores. They are read here with SQL,
because MLflow's stores need its whole package, which takes seconds and hundreds of megabytes.
"""

from __future__ import annotations

import os
import posixpath
import sqlite3
from contextlib import closing
from typing import NamedTuple
from urllib.parse import quote

from bridge.errors import NotAllowed, NotFound
from bridge.records.artifact import check_artifact_path
from bridge.server.files.locations import path_inside
from bridge.server.files.roots import experiment_folder, run_of
from bridge.server.roles import Caller
from bridge.server.workspaces import ServedWorkspace
from bridge_mlflow.addresses import COMPANION_FILE, FOLDER_OF_ARTIFACTS, split_root

OWNERS = {
    "models": ("logged model", "SELECT experiment_id FROM logged_models WHERE model_id = ?"),
    "traces": ("trace", "SELECT experiment_id FROM trace_info WHERE request_id = ?"),
}
"""The folders of an experiment that are not runs: what they contain, and the statement that finds the experiment."""

VERSION = (
    "SELECT storage_location, source FROM model_versions"
    " WHERE name = ? AND version = ? AND current_stage != 'Deleted_Internal'"
)
OF_LOGGED_MODEL = "models:/"


class Located(NamedTuple):
    """A path below an artifact root. It is empty for the root itself."""

    root: str
    path: str

    def below(self, path: str) -> Located:
        """Return a path below this one."""
        return Located(self.root, posixpath.join(self.path, path) if path else self.path)


def checked_folder(workspace: ServedWorkspace, caller: Caller, path: str, action: str) -> Located:
    """Split a path below the artifacts folder, which must belong to a run, logged model or trace.

    Args:
        workspace: the workspace.
        caller: the sender of the request.
        path: the path, as in `mlflow-artifacts:/<path>`.
        action: the action of the error message, such as "read".

    Raises:
        InvalidValue: the path is not valid.
        NotFound: the path belongs to nothing that exists.
        NotAllowed: the caller may not use the files.
    """
    path = check_artifact_path(path.rstrip("/"))
    root, below = split_root(path)
    parts = root.split("/")
    if not root:
        raise NotFound("run, logged model or trace", path, "the path must be below its artifacts")
    if len(parts) > 3 and parts[-3] in OWNERS:
        folder = owned_folder(workspace, caller, parts[-3], parts[-2], action)
    else:
        folder = run_folder(workspace, caller, parts[-2], action)
    if folder.root != root:
        raise NotFound("run, logged model or trace", path, "it is in another experiment")
    return folder.below(below)


def run_folder(workspace: ServedWorkspace, caller: Caller, run_id: str, action: str) -> Located:
    """Return the artifact root of a run.

    Raises:
        NotFound: the run does not exist.
        NotAllowed: the caller may not use the files, or they are outside the workspace.
    """
    record = run_of(workspace, run_id)
    above = experiment_folder(workspace, caller, record.experiment_id, action)
    return Located(f"{above}/{record.id}/{FOLDER_OF_ARTIFACTS}", "")


def owned_folder(workspace: ServedWorkspace, caller: Caller, kind: str, id: str, action: str) -> Located:
    """Return the artifact root of a logged model or a trace.

    Args:
        workspace: the workspace.
        caller: the sender of the request.
        kind: "models" or "traces".
        id: the id.
        action: the action of the error message, such as "read".

    Raises:
        NotFound: it does not exist.
        NotAllowed: the caller may not use the files, or they are outside the workspace.
    """
    experiment_id = experiment_of(workspace.stores.address, kind, id)
    if experiment_id is None:
        raise NotFound(OWNERS[kind][0], id)
    above = experiment_folder(workspace, caller, experiment_id, action)
    return Located(f"{above}/{kind}/{id}/{FOLDER_OF_ARTIFACTS}", "")


def version_folder(workspace: ServedWorkspace, caller: Caller, name: str, version: str, action: str) -> Located:
    """Return the path of the files of a version of a registered model.

    Raises:
        NotFound: the version does not exist.
        NotAllowed: the caller may not use the files, or they are outside the workspace.
    """
    number = int(version) if version.isascii() and version.isdigit() and len(version) < 19 else -1
    row = _row(workspace.stores.address, VERSION, name, number)
    if row is None:
        raise NotFound("model version", f"{name}/{version}")
    location = str(row[0] or row[1])
    if location.startswith(OF_LOGGED_MODEL):
        return owned_folder(workspace, caller, "models", location[len(OF_LOGGED_MODEL) :], action)
    path = path_inside(location, workspace.stores.address)
    if path is None:
        reason = f"they are at {location}, which the server does not open; use MLflow's client with rights of its own"
        raise NotAllowed(action, f"files of model version {name}/{version}", reason)
    return checked_folder(workspace, caller, path, action)


def experiment_of(address: str, kind: str, id: str) -> str | None:
    """Return the experiment of a logged model or a trace of the workspace at an address; None if it does not exist."""
    row = _row(address, OWNERS[kind][1], id)
    return None if row is None else str(row[0])


def _row(address: str, statement: str, *values: object) -> tuple[object, ...] | None:
    """Return the first row of a query on MLflow's tables; None if there is no row, or there are no tables."""
    file = os.path.join(address, COMPANION_FILE)
    if not os.path.isfile(file):
        return None
    with closing(sqlite3.connect(f"file:{quote(file)}?mode=ro", uri=True, timeout=10)) as connection:
        row: tuple[object, ...] | None = connection.execute(statement, values).fetchone()
    return row
