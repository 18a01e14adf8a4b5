"""The run that this process belongs to, as its environment names it."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from bridge.address import home_folder
from bridge.errors import AlreadyExists, NotAllowed, NotFound
from bridge.forking import Step, on_fork
from bridge.handles.experiment import Experiment
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
OFFLINE_RUN = "_BRIDGE_OFFLINE_RUN"
"""The variable that tells the workers of a process which offline run it has begun."""

_contexts: dict[tuple[Any, ...], Run] = {}
_offline_run: Run | None = None
_context_lock = ThreadLock("the run of this process")


def run_of_process(allow_offline: bool = True) -> Run:
    """The run that this process belongs to; the same object at every call, for all threads.

    Raises:
        NotAllowed: it belongs to none, and may have no offline run.
    """
    names = tuple(os.environ.get(name, "") for name in CONTEXT_VARIABLES)
    if not allow_offline and not _is_named(*names):
        reason = "if outside of an execution context, use experiment.start_logging to begin a run"
        raise NotAllowed("load", "a submitted run", reason)
    process = (os.getpid(), *names)
    with _context_lock:
        run = _contexts.get(process)
        if run is None:
            run = _contexts[process] = _find_context(*names)
        return run


def _forget_context_lock() -> None:
    """In a child: another thread of the parent may have held it."""
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
            return _begin_context(Experiment(workspace, azure_experiment), azure_run_id)
    return _find_offline()


def _working_folder(run: Run) -> str:
    """Where the script was started, wherever it works by now."""
    folder = ScriptDefinition.from_text(run.place.record().definition).working_directory
    return folder if os.path.isdir(folder) else os.getcwd()


def _find_offline() -> Run:
    """The offline run of this process: a worker has that of the process which it works for."""
    global _offline_run
    if _offline_run is None:
        workspace = Workspace.create("offline", path=home_folder() / "offline", exist_ok=True)
        run_id = os.environ.get(OFFLINE_RUN)
        if run_id and _is_worker():
            with suppress(NotFound):
                return Run.get(workspace, run_id)
        _offline_run = _begin_context(Experiment(workspace, _script_name()), None)
        os.environ[OFFLINE_RUN] = _offline_run.id
    return _offline_run


def _is_worker() -> bool:
    """Whether another process has started this one through `multiprocessing`."""
    multiprocessing = sys.modules.get("multiprocessing.process")
    # Its parent is not known yet while a spawned one imports the script, its name is.
    return multiprocessing is not None and multiprocessing.current_process().name != "MainProcess"


def _begin_context(experiment: Experiment, run_id: str | None) -> Run:
    try:
        run = experiment.start_logging(run_id=run_id, outputs=False, snapshot_directory=None)
    except AlreadyExists:  # begun by another process of the same job
        assert run_id is not None
        return Run(experiment, run_id)
    run.session.own(quietly=True)
    return run


def _script_name() -> str:
    """The name of the running script, as an experiment may be called; "interactive" if there is none."""
    stem = Path(sys.argv[0]).stem if sys.argv and sys.argv[0] not in ("", "-c") else ""
    name = "".join(character if character.isalnum() or character in "_-" else "-" for character in stem)
    return name.encode("ascii", "ignore").decode().lstrip("_-")[:255] or "interactive"
