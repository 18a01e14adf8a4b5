"""Find the run to which this process belongs. Environment variables name the run."""

from __future__ import annotations

import os
from typing import Any

from bridge.errors import AlreadyExists, NotAllowed, NotFound
from bridge.forking import Step, on_fork
from bridge.handles.experiment import Experiment
from bridge.handles.project_files import find_project_config
from bridge.handles.run import Run
from bridge.handles.workspace import Workspace
from bridge.journal.locks import ThreadLock
from bridge.records.script import ScriptDefinition

CONTEXT_VARIABLES = (
    "BRIDGE_WORKSPACE",
    "BRIDGE_RUN_ID",
    "AZUREML_ARM_WORKSPACE_NAME",
    "AZUREML_ARM_PROJECT_NAME",
    "AZUREML_RUN_ID",
)
_contexts: dict[tuple[Any, ...], Run] = {}
_offline_run: Run | None = None
_context_lock = ThreadLock("the run of this process")


def run_of_process(allow_offline: bool = True) -> Run:
    """Return the run that this process belongs to. All calls in all threads return the same object.

    Raises:
        NotAllowed: the process belongs to no run, and `allow_offline` is False.
    """
    names = tuple(os.environ.get(name, "") for name in CONTEXT_VARIABLES)
    if not allow_offline and not _is_named(*names):
        reason = "if outside of an execution context, use experiment.start_logging to start a run"
        raise NotAllowed("load", "a submitted run", reason)
    process = (os.getpid(), *names)
    with _context_lock:
        run = _contexts.get(process)
        if run is None:
            run = _contexts[process] = _find_context(*names)
        return run


def workspace_of_process() -> Workspace | None:
    """Return the workspace of the submitted run, or else that of a configuration file; None if there is neither."""
    if address := os.environ.get("BRIDGE_WORKSPACE"):
        return Workspace.open(address)
    file = find_project_config()
    return None if file is None else Workspace.from_config(file)


def _forget_context_lock() -> None:
    """Replace the lock in a forked child, because a thread of the parent may have held it."""
    global _context_lock
    _context_lock = ThreadLock("the run of this process")


on_fork(Step.CONTEXT, in_child=_forget_context_lock)


def _is_named(address: str, run_id: str, azure_workspace: str, azure_experiment: str, azure_run_id: str) -> bool:
    return bool((address and run_id) or (azure_workspace and azure_experiment and azure_run_id))


def _find_context(address: str, run_id: str, azure_workspace: str, azure_experiment: str, azure_run_id: str) -> Run:
    if address and run_id:
        run = Run.get(Workspace.open(address), run_id)
        if folder := os.environ.get("AZUREML_OUTPUT_DIRECTORY"):
            run.session.capture_folders(os.path.join(_working_folder(run), folder))
        return run
    if azure_workspace and azure_experiment and azure_run_id:
        workspace = Workspace.create(azure_workspace, exist_ok=True)
        try:
            return Run.get(workspace, azure_run_id)
        except NotFound:
            return _start_context(Experiment(workspace, azure_experiment), azure_run_id)
    return _find_offline()


def _working_folder(run: Run) -> str:
    """Return the folder in which the script was started. The script may have changed its working folder since then."""
    folder = ScriptDefinition.from_text(run.place.record().definition).working_directory
    return folder if os.path.isdir(folder) else os.getcwd()


def _find_offline() -> Run:
    """Return the offline run of this process, or of the process from which this process was forked."""
    global _offline_run
    if _offline_run is None:
        from bridge.handles.offline import offline_run

        _offline_run = offline_run()
    return _offline_run


def _start_context(experiment: Experiment, run_id: str) -> Run:
    try:
        run = experiment.start_logging(run_id=run_id, outputs=False, snapshot_directory=None)
    except AlreadyExists:  # another process with the same variables has started the run
        return Run(experiment, run_id)
    run.session.own(quietly=True)
    return run
