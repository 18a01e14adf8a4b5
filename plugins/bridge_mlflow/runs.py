"""The calls of MLflow's API for runs, params, tags and inputs, as functions over the records of a workspace.

This module does not import MLflow.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from bridge.errors import InvalidState, ParamChanged
from bridge.records.page import Page
from bridge.records.run import (
    SCRIPT_RUN,
    TERMINAL_STATUSES,
    ModelOutput,
    RunChanges,
    RunRecord,
    check_run_time,
    new_display_name,
    new_run_id,
)
from bridge.store import one_run
from bridge_mlflow import queries, rules
from bridge_mlflow.called_workspace import CalledWorkspace
from bridge_mlflow.translate.changes import (
    check_models,
    check_new_params,
    check_new_tags,
    native_dataset_inputs,
    new_run,
    removed_tag,
    spelled,
    spelled_tags,
    tag_changes,
)
from bridge_mlflow.translate.given import Labelled
from bridge_mlflow.translate.refusals import Refusal, changed_param
from bridge_mlflow.translate.shown import RUN_NAME
from bridge_mlflow.translate.statuses import experiment_id_of, experiment_id_or_default, native_status

MOST_DATASET_SUMMARIES = 1000

LOGGED_MODELS = "mlflow.log-model.history"
"""The tag with the models that a run has logged. Source: MLflow 3.17.2, `mlflow.utils.mlflow_tags`."""


def create_run(
    workspace: CalledWorkspace,
    experiment_id: str,
    user_id: str,
    start_time: int,
    tags: Sequence[Labelled] | None,
    run_name: str | None,
) -> RunRecord:
    given, user_id = spelled_tags(tags or ()), spelled(user_id)
    experiment = workspace.tracking.get_experiment(experiment_id_or_default(experiment_id))
    if experiment.lifecycle_stage != "active":
        raise InvalidState("experiment", experiment.id, experiment.lifecycle_stage, "active")
    name_tag = next((tag.value for tag in given if tag.key == RUN_NAME), None)
    if run_name and name_tag and run_name != name_tag:
        raise Refusal(
            "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with "
            f"different values (run_name='{run_name}', mlflow.runName='{name_tag}')."
        )
    check_new_tags(given)
    for value, what in ((user_id, "user_id"), (start_time, "start_time")):
        if value is None:
            raise Refusal(f"{what} cannot be None", "INTERNAL_ERROR")
    if experiment_id == "":
        raise Refusal("A new run has no experiment; give the experiment's id.", "BAD_REQUEST")
    start_time = check_run_time("start_time", start_time)
    name = run_name or name_tag or new_display_name()
    record = new_run(new_run_id(), experiment.id, user_id, start_time, given, name)
    return one_run.create_run(workspace.tracking, record)


def get_run(workspace: CalledWorkspace, run_id: str) -> RunRecord:
    return one_run.get_run(workspace.tracking, run_id)


def update_run_info(
    workspace: CalledWorkspace, run_id: str, run_status: int | None, end_time: int | None, run_name: str | None
) -> RunRecord:
    record = workspace.active_run(run_id)
    end_time = None if end_time is None else check_run_time("end_time", end_time)
    status = None if run_status is None else native_status(run_status, record.status)
    if record.type == SCRIPT_RUN and (record.status not in TERMINAL_STATUSES or status in (None, *TERMINAL_STATUSES)):
        # Only the launcher sets the status of a submitted run. A status from a logger in the script is ignored.
        # The final status and the end time are not changed either: `mlflow run` sets FAILED on a canceled run, and
        # FINISHED with a new end time on a completed run.
        status = end_time = None
    started = workspace.now() if status == "Running" and record.start_time is None else None
    changes = RunChanges(status=status, start_time=started, end_time=end_time, display_name=run_name or None)
    workspace.tracking.update_runs((run_id,), changes)
    return workspace.plain_run(run_id)


def delete_run(workspace: CalledWorkspace, run_id: str) -> None:
    with workspace.changing_run(run_id):
        workspace.tracking.delete_runs((run_id,), workspace.now())


def restore_run(workspace: CalledWorkspace, run_id: str) -> None:
    with workspace.changing_run(run_id):
        workspace.tracking.restore_runs((run_id,))


def search_runs(
    workspace: CalledWorkspace,
    experiment_ids: Sequence[str | int],
    filter_string: str | None,
    run_view_type: int,
    max_results: int | None,
    order_by: Sequence[str] | None,
    page_token: str | bytes | None,
) -> Page[RunRecord]:
    query = queries.run_query(experiment_ids, filter_string, run_view_type, max_results, order_by, page_token)
    return workspace.tracking.search_runs(query)


# Params, tags and inputs


def log_param(workspace: CalledWorkspace, run_id: str, param: Labelled) -> None:
    checked = rules.checked_param(param.key, param.value)
    check_new_params([checked])
    try:
        workspace.tracking.update_runs((run_id,), RunChanges(params={checked.key: checked.value}))
    except ParamChanged as error:
        raise changed_param(error) from error


def set_tag(workspace: CalledWorkspace, run_id: str, tag: Labelled) -> None:
    try:
        checked = rules.checked_tag(tag.key, tag.value)
    except TypeError as error:
        # The key or the value is not text. MLflow's `set_tag` raises its own error, its `log_batch` the TypeError.
        raise Refusal(str(error), "INTERNAL_ERROR") from error
    workspace.tracking.update_runs((run_id,), tag_changes([checked], workspace.plain_run(run_id)))


def delete_tag(workspace: CalledWorkspace, run_id: str, key: str) -> None:
    workspace.tracking.update_runs((run_id,), removed_tag(workspace.active_run(run_id), key))


def log_inputs(
    workspace: CalledWorkspace,
    run_id: str,
    datasets: list[Any] | None = None,
    models: Sequence[Any] | None = None,
) -> None:
    rules.check_run_id(run_id)
    if datasets is not None:
        if not isinstance(datasets, list):
            raise TypeError(f"Argument 'datasets' should be a list, got '{type(datasets)}'")
        rules.check_dataset_inputs(datasets)
    used = tuple(dict.fromkeys(model.model_id for model in models or ()))
    check_models(used)
    workspace.tracking.update_runs(
        (run_id,), RunChanges(dataset_inputs=native_dataset_inputs(datasets or ()), model_inputs=used)
    )


def log_outputs(workspace: CalledWorkspace, run_id: str, models: Sequence[Any]) -> None:
    made = tuple(ModelOutput(model.model_id, model.step or 0) for model in models)
    check_models([model.model_id for model in made])
    workspace.tracking.update_runs((run_id,), RunChanges(model_outputs=made))


def record_logged_model(workspace: CalledWorkspace, run_id: str, mlflow_model: Any) -> None:
    from mlflow.models import Model

    if not isinstance(mlflow_model, Model):
        raise TypeError(f"Argument 'mlflow_model' should be mlflow.models.Model, got '{type(mlflow_model)}'")
    before = workspace.plain_run(run_id).tags.get(LOGGED_MODELS)
    models = [*json.loads(before or "[]"), mlflow_model.get_tags_dict()]
    tag = rules.checked_tag(LOGGED_MODELS, json.dumps(models))
    workspace.tracking.update_runs((run_id,), RunChanges(tags={tag.key: tag.value}))


def search_datasets(
    workspace: CalledWorkspace, experiment_ids: Sequence[str]
) -> list[tuple[str, str, str, str | None]]:
    found = workspace.tracking.search_datasets([experiment_id_of(given) for given in experiment_ids])
    return found[:MOST_DATASET_SUMMARIES]
