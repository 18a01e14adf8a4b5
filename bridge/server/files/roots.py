"""The rights of callers to the files below an artifact root."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.errors import NotAllowed, NotFound
from bridge.records.artifact import check_artifact_root
from bridge.records.run import RunRecord
from bridge.server.files.locations import path_inside
from bridge.server.files.shared import ENVIRONMENTS, OF_WORKSPACE, SNAPSHOTS
from bridge.server.roles import Caller
from bridge.server.workspaces import ServedWorkspace

ARTIFACTS = "artifacts"
CHANGES = frozenset({"append to", "delete", "write"})

OF_MLFLOW = frozenset({"models", "traces"})
"""The folders of an experiment in which MLflow stores the files of logged models and traces."""


def check_root(workspace: ServedWorkspace, caller: Caller, root: str, action: str) -> str:
    """Check that the caller may use the files below an artifact root, and return the root in its normal form.

    The root of a run must belong to a run that exists. Files are stored and deleted only below roots of runs, logged
    models and traces, and in the folders of the whole workspace, where nothing is appended and only an admin deletes.
    A caller whose role holds for one experiment may only use the files of that experiment, read environments, and use
    the files of snapshots that it sees; see `bridge.server.files.seen`.

    Args:
        workspace: the workspace.
        caller: the sender of the request.
        root: the artifact root.
        action: the action of the error message, such as "read".

    Raises:
        InvalidValue: the root is not valid.
        NotFound: the root belongs to a run, but the run does not exist.
        NotAllowed: the caller may not use the files, or they are outside the workspace.
    """
    root = check_artifact_root(root)
    parts = root.split("/")
    if len(parts) == 3 and parts[2] == ARTIFACTS and parts[1] not in OF_MLFLOW:
        record = run_of(workspace, parts[1])
        if record.artifact_root != root:
            raise NotFound("run", parts[1], f"it is not in experiment {parts[0]}")
    if action in CHANGES and not _may_change(caller, parts, action):
        reason = "files belong to a run, a logged model or a trace, and only an admin deletes files of all runs"
        if action == "append to" and parts[0] in OF_WORKSPACE:
            reason = "all runs share them, so they do not change"
        raise NotAllowed(action, f"files below {root}", reason)
    folder = experiment_folder(workspace, caller, parts[0], action)
    if folder != parts[0]:
        raise NotAllowed(action, f"files of experiment {parts[0]}", f"they are below {folder}, for MLflow's clients")
    return root


def _may_change(caller: Caller, parts: Sequence[str], action: str) -> bool:
    """Return whether a caller may change the files below a root, if it may use the experiment."""
    if parts[0] in OF_WORKSPACE:
        return len(parts) == 1 and (action == "write" or (action == "delete" and caller.may("admin")))
    return len(parts) > 1 and parts[-1] == ARTIFACTS and len(parts) == (4 if parts[1] in OF_MLFLOW else 3)


def _may_share(first: str, action: str) -> bool:
    """Return whether a caller whose role holds for one experiment may use files of the whole workspace.

    It may read and store single files of snapshots; see `bridge.server.files.seen`. It may read environments.
    """
    return action in {SNAPSHOTS: ("read", "write"), ENVIRONMENTS: ("list", "read")}.get(first, ())


def run_of(workspace: ServedWorkspace, run_id: str) -> RunRecord:
    """Return a run of a workspace. This read does not wait for points that are not stored yet.

    Raises:
        NotFound: the run does not exist.
    """
    record = workspace.stores.tracking.inner.get_runs((run_id,), latest=False).get(run_id)
    if record is None:
        raise NotFound("run", run_id)
    return record


def experiment_folder(workspace: ServedWorkspace, caller: Caller, experiment_id: str, action: str) -> str:
    """Return the folder of the files of an experiment, below the artifacts folder, if the caller may use these files.

    `experiment_id` may also be the first part of a root that belongs to no experiment.

    Raises:
        NotAllowed: the role of the caller does not hold for the experiment, or the files are outside the workspace.
    """
    if caller.experiment_id not in (None, experiment_id) and not _may_share(experiment_id, action):
        reason = f"your token is only for experiment {caller.experiment_id}"
        raise NotAllowed(action, f"files of {experiment_id}", reason)
    if not experiment_id.isdecimal():
        return experiment_id
    location = workspace.stores.tracking.inner.get_experiment(experiment_id).artifact_location
    if location is None:
        return experiment_id
    folder = path_inside(location, workspace.stores.address)
    if folder is None:
        reason = f"they are at {location}, which the server does not open; use MLflow's client with rights of its own"
        raise NotAllowed(action, f"files of experiment {experiment_id}", reason)
    return folder
