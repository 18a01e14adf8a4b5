"""Submitting a script: its run is stored, and a launcher is started for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from bridge.errors import BridgeError, InvalidState, InvalidValue, NotAllowed, NotFound, SubmitFailed
from bridge.launch.definition import runs_in_this_python, script_definition
from bridge.launch.distributed import job_warnings
from bridge.launch.prepare import working_folder
from bridge.launch.script import ScriptRunConfig
from bridge.launch.start import start_launcher
from bridge.launch.substitutes import substitute
from bridge.records.labels import run_tag_values
from bridge.records.run import CLAIMABLE_STATUSES, OPEN_STATUSES, SCRIPT_RUN, RunChanges, RunRecord, Status
from bridge.records.times import now_ms
from bridge.source.keep import keep_source
from bridge.store.run_place import RunPlace, free_run_id, new_run

if TYPE_CHECKING:
    from bridge.store.workspace_stores import WorkspaceStores


def submit_script(
    stores: WorkspaceStores,
    experiment_id: str,
    config: ScriptRunConfig,
    tags: str | Mapping[str, object] | None = None,
    run_id: str | None = None,
    parent_id: str | None = None,
    params: Mapping[str, str] | None = None,
    display_name: str | None = None,
) -> RunPlace:
    """Start a run of a script; see `Experiment.submit`.

    The params and the name of the run are stored before the script starts. Without a name, one is generated.
    """
    if not isinstance(config, ScriptRunConfig):
        raise InvalidValue("config", config, "must be a ScriptRunConfig")
    experiment = stores.tracking.get_experiment(experiment_id)
    if experiment.artifact_location is not None:
        reason = f"only MLflow's clients can reach {experiment.artifact_location}, where its files are stored"
        raise NotAllowed("submit a script to experiment", experiment.name, reason)
    run_id = free_run_id(stores, run_id)
    definition, warnings = substitute(script_definition(config))
    warnings += job_warnings(config.distributed_job_config)
    definition = replace(definition, working_directory=str(working_folder(run_id)))
    run_tag_values(tags or {})  # refuse invalid tags before the source is stored
    root = RunRecord(run_id, experiment_id).artifact_root
    source = keep_source(
        stores.artifacts,
        root,
        definition.source_directory,
        workspace_folder=stores.folder,
        has_packages=runs_in_this_python(definition),
    )
    if source.snapshot_id is None:
        raise SubmitFailed("The snapshot of the source", None, " ".join(source.warnings).rstrip("."))
    record = new_run(
        experiment_id,
        run_id=run_id,
        display_name=display_name,
        status="Starting",
        parent_id=parent_id,
        type=SCRIPT_RUN,
        definition=json.dumps(definition.to_json()),
        params=params,
        tags=tags,
        properties=source.properties,
    )
    place = RunPlace(stores, experiment_id, run_id)
    _launch(place, record, (*warnings, *source.warnings))
    return place


def _launch(place: RunPlace, record: RunRecord, warnings: tuple[str, ...]) -> None:
    """Store the run and start its launcher. If the launcher cannot be started, the run becomes Failed."""
    tracking, run_id, is_stored = place.stores.tracking, place.run_id, False
    try:
        tracking.begin_runs([record])  # this process owns the run until the launcher owns it or the run has ended
        is_stored = True
        if warnings:
            place.update(RunChanges(warnings=warnings))
        start_launcher(place.stores.address, run_id, lambda: tracking.release_lease(run_id))
    except SubmitFailed as error:
        # The run is not ended if it was canceled, or if another launcher has claimed it.
        _give_up(place, "Failed", str(error), CLAIMABLE_STATUSES)
    except BaseException as error:
        # The submission was interrupted, for example by a KeyboardInterrupt. The caller gets no handle of the run, so
        # the run is ended, even if its launcher has started.
        status: Status = "Failed" if isinstance(error, Exception) else "Canceled"
        # A signal handler may raise after the run was stored, but before `is_stored` was set. So if it is False,
        # only a `BridgeError` means that the run was not stored.
        if is_stored or not isinstance(error, BridgeError):
            _give_up(place, status, f"The submission was interrupted by {error!r}", OPEN_STATUSES)
        raise


def _give_up(place: RunPlace, status: Status, reason: str, expected: tuple[Status, ...]) -> None:
    """End a run whose submission failed.

    If the store cannot be written, this process continues to own the run. After this process has ended, the next reader
    of the run ends the run.
    """
    error = json.dumps({"code": "LauncherFailed", "message": reason}) if status == "Failed" else None
    try:
        place.update(RunChanges(status=status, expected=expected, end_time=now_ms(), error=error))
    except (InvalidState, NotFound):  # the run was ended or deleted concurrently
        place.stores.tracking.release_lease(place.run_id)
