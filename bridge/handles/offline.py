"""Offline runs. An offline run is the run of a process that belongs to no other run."""

from __future__ import annotations

import atexit
import logging
import os
import sys
from contextlib import suppress
from pathlib import Path

from bridge.address import home_folder
from bridge.errors import BridgeError, NotFound
from bridge.handles.experiment import Experiment
from bridge.handles.project_files import find_project_config
from bridge.handles.run import Run
from bridge.handles.workspace import Workspace
from bridge.records.run import new_run_id

logger = logging.getLogger("bridge")

PREFIX = "OfflineRun_"
"""The prefix of the id of every offline run. Scripts search for this prefix to recognise an offline run.

Source: Azure ML SDK v1, `azureml.core.run._OfflineRun`.
"""
ID_LENGTH = 32
"""The length of an offline run's id. MLflow's own tables, such as those of traces, have room for 32 characters."""
VARIABLE = "_BRIDGE_OFFLINE_RUN"
"""The environment variable by which worker processes find the offline run: `<run id>@<address of the workspace>`."""


class OfflineRun(Run):
    """The run of a process that belongs to no other run. Azure ML calls this class `_OfflineRun`."""

    __module__ = "bridge"


def offline_run() -> OfflineRun:
    """Return the offline run of this process. A worker process shares the offline run of the process that started it.

    The run starts in the workspace that is specified in a configuration file; see `Workspace.from_config`. Without
    such a file, the run starts in the offline workspace, `$BRIDGE_HOME/offline`.
    When the process ends, one line on stderr names its workspace and a command that opens it.
    """
    run_id, _, address = os.environ.get(VARIABLE, "").partition("@")
    if address and _is_worker():
        with suppress(NotFound):
            return _as_offline(Run.get(Workspace.open(address), run_id))
    started: list[OfflineRun] = []
    # `_report` must run after the handler that ends the run. Python calls exit handlers in the reverse order of their
    # registration. So `_report` is registered before the run starts, because the start registers the other handler.
    atexit.register(_report, started, os.getpid())
    started.append(run := _start())
    os.environ[VARIABLE] = f"{run.id}@{run.experiment.workspace.path}"
    return run


def _start() -> OfflineRun:
    """Start a run in the workspace of the configuration file, or else in the offline workspace."""
    file = find_project_config()
    if file is not None:
        try:
            return _start_in(Workspace.from_config(file))
        except BridgeError as error:
            logger.warning(
                "The run is in the offline workspace, because the workspace of %s cannot be used: %s", file, error
            )
    return _start_in(Workspace.create("offline", path=home_folder() / "offline", exist_ok=True))


def _start_in(workspace: Workspace) -> OfflineRun:
    experiment = Experiment(workspace, script_name())
    run_id = PREFIX + new_run_id()[: ID_LENGTH - len(PREFIX)]
    run = experiment.start_logging(run_id=run_id, outputs=False, snapshot_directory=None)
    run.session.own(quietly=True)
    return _as_offline(run)


def _as_offline(run: Run) -> OfflineRun:
    return OfflineRun.wrap(run.experiment, run.id, session=run.session)


def _report(started: list[OfflineRun], process: int) -> None:
    """Print the id and the workspace of the run, unless this is a child process."""
    if process != os.getpid():
        return
    for run in started:
        place, command = run.experiment.workspace.path, run.get_portal_url()
        with suppress(AttributeError, OSError, ValueError):  # stderr may be None, broken or closed
            print(f"Run {run.id} of experiment {run.experiment.name} is in {place}: {command}", file=sys.stderr)


def _is_worker() -> bool:
    """Return whether another process has started this one through `multiprocessing`."""
    multiprocessing = sys.modules.get("multiprocessing.process")
    # A spawned process imports the script. During this import, `multiprocessing.parent_process()` still returns None,
    # but the name of the process is already set.
    return multiprocessing is not None and multiprocessing.current_process().name != "MainProcess"


def script_name() -> str:
    """Return the name of the running script as a valid name of an experiment; "interactive" without a script."""
    stem = Path(sys.argv[0]).stem if sys.argv and sys.argv[0] not in ("", "-c") else ""
    name = "".join(character if character.isalnum() or character in "_-" else "-" for character in stem)
    return name.encode("ascii", "ignore").decode().lstrip("_-")[:255] or "interactive"
