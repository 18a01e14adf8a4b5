"""A run of a submitted script, which a launcher owns, and how it begins."""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from bridge.errors import InvalidState, InvalidValue, NotAllowed, NotFound, SubmitFailed
from bridge.handles.experiment import Experiment
from bridge.handles.run import Run
from bridge.launch.definition import script_definition
from bridge.launch.prepare import working_folder
from bridge.launch.script import ScriptRunConfig
from bridge.launch.start import start_launcher
from bridge.records.labels import run_tag_values
from bridge.records.run import (
    CLAIMABLE_STATUSES,
    OPEN_STATUSES,
    SCRIPT_RUN,
    TERMINAL_STATUSES,
    RunChanges,
    RunRecord,
    Status,
)
from bridge.records.script import ScriptDefinition
from bridge.records.times import now_ms
from bridge.source.keep import keep_source
from bridge.store.run_place import free_run_id, new_run

logger = logging.getLogger("bridge")

CANCEL_SECONDS = 15.0
"""How long a launcher may take to cancel its run; its script has a third of that."""
POLL_SECONDS = 0.05
NO_PARAMS: Mapping[str, str] = MappingProxyType({})
NOT_STOPPED = "No launcher answered within {seconds:g} s when the run was canceled: its script may still be running."


class ScriptRun(Run):
    """A run that `Experiment.submit` began: its launcher gives it its status, and nobody within the script does."""

    RUN_TYPE = SCRIPT_RUN

    def cancel(self) -> None:
        """Stop the script and end the run as Canceled; returns when that is so.

        The script gets SIGTERM, and SIGKILL five seconds later; so does all that it has started.
        A run that waits for its launcher is Canceled at once; a launcher that starts later leaves it alone.

        Raises:
            InvalidState: the run is Completed or Failed.
        """
        if self._is_of_process():
            super().cancel()
            return
        status = self.status
        if status != "Canceled" and not (status in CLAIMABLE_STATUSES and self._is_canceled_before_its_launcher()):
            self.place.update(RunChanges(status="CancelRequested", expected=OPEN_STATUSES))
            self._wait_for_cancel()

    def _is_canceled_before_its_launcher(self) -> bool:
        """Cancel the run if no launcher has it; whether that is so."""
        try:
            self.place.update(RunChanges(status="Canceled", expected=CLAIMABLE_STATUSES, end_time=now_ms()))
        except InvalidState as error:
            logger.debug("The run is canceled by its launcher: %s", error)
            return False
        return True

    def _wait_for_cancel(self) -> None:
        end = time.monotonic() + CANCEL_SECONDS
        while self.status not in TERMINAL_STATUSES:
            if time.monotonic() > end:
                warning = NOT_STOPPED.format(seconds=CANCEL_SECONDS)
                changes = RunChanges(
                    status="Canceled", expected=("CancelRequested",), end_time=now_ms(), warnings=(warning,)
                )
                self.place.update(changes)
                return
            time.sleep(POLL_SECONDS)

    def clean(self) -> None:
        """Remove the folder that the script worked in; what the run keeps stays.

        Raises:
            InvalidState: the run has not ended.
            NotAllowed: the run names another folder than one of this user's.
        """
        record = self.place.record()
        if record.status not in TERMINAL_STATUSES:
            raise InvalidState("run", self.id, record.status, "ended: its script works in the folder")
        folder = ScriptDefinition.from_text(record.definition).working_directory
        if folder:
            # Whoever may write to the workspace may have named any folder.
            if Path(folder).parts[-2:] != working_folder(self.id).parts[-2:]:
                raise NotAllowed("remove", folder, "it is no working folder of this user's runs")
            with suppress(FileNotFoundError):
                shutil.rmtree(folder)


def submit(
    experiment: Experiment,
    config: ScriptRunConfig,
    tags: str | Mapping[str, object] | None,
    run_id: str | None,
    parent_id: str | None,
    params: Mapping[str, str] = NO_PARAMS,
) -> ScriptRun:
    """Begin a run of a script; see `Experiment.submit`. Its params are there before the script is."""
    if not isinstance(config, ScriptRunConfig):
        raise InvalidValue("config", config, "must be a ScriptRunConfig")
    opened = experiment.workspace.stores
    stored = opened.tracking.get_experiment(experiment.id)
    if stored.artifact_location is not None:
        reason = f"it keeps files at {stored.artifact_location}, which only MLflow's clients reach"
        raise NotAllowed("submit a script to experiment", experiment.name, reason)
    run_id = free_run_id(opened, run_id)
    definition = replace(script_definition(config), working_directory=str(working_folder(run_id)))
    run_tag_values(tags or {})  # refused before the source is kept
    root = RunRecord(run_id, experiment.id).artifact_root
    source = keep_source(opened.artifacts, root, definition.source_directory, workspace_folder=opened.address)
    if source.snapshot_id is None:
        raise SubmitFailed("The snapshot of the source", None, " ".join(source.warnings).rstrip("."))
    record = new_run(
        experiment.id,
        run_id=run_id,
        status="Starting",
        parent_id=parent_id,
        type=SCRIPT_RUN,
        definition=json.dumps(definition.to_json()),
        params=params,
        tags=tags,
        properties=source.properties,
    )
    opened.tracking.begin_runs([record])  # held until the launcher has the run, or it is ended
    run = ScriptRun._of(experiment, run_id)
    assert isinstance(run, ScriptRun)
    _launch(run, source.warnings)
    return run


def _launch(run: ScriptRun, warnings: tuple[str, ...]) -> None:
    """Start the launcher; a run whose launcher cannot be started is Failed, with what it said."""
    tracking = run.place.stores.tracking
    try:
        if warnings:
            run.place.update(RunChanges(warnings=warnings))
        start_launcher(run.place.stores.address, run.id, lambda: tracking.release_lease(run.id))
    except SubmitFailed as error:
        _give_up(run, "Failed", str(error), CLAIMABLE_STATUSES)  # it may have another launcher, or be canceled
    except BaseException as error:  # such as Ctrl-C: nobody gets the run, and a launcher that has it ends it
        status: Status = "Failed" if isinstance(error, Exception) else "Canceled"
        _give_up(run, status, f"The submission was ended: {error!r}", OPEN_STATUSES)
        raise


def _give_up(run: ScriptRun, status: Status, reason: str, expected: tuple[Status, ...]) -> None:
    """End a run that is not begun; where that cannot be said, it stays held, and so ends with this process."""
    error = json.dumps({"code": "LauncherFailed", "message": reason}) if status == "Failed" else None
    try:
        run.place.update(RunChanges(status=status, expected=expected, end_time=now_ms(), error=error))
    except (InvalidState, NotFound):  # ended or deleted by somebody else meanwhile
        run.place.stores.tracking.release_lease(run.id)
