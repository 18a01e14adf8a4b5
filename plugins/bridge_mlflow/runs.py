"""The methods of MLflow's tracking store for runs, params, tags and inputs, as functions over a workspace."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from mlflow.entities import (
    DatasetInput,
    LoggedModelInput,
    LoggedModelOutput,
    Param,
    Run,
    RunInfo,
    RunTag,
    _DatasetSummary,
)
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST, INTERNAL_ERROR
from mlflow.utils.mlflow_tags import MLFLOW_LOGGED_MODELS, _get_run_name_from_tags
from mlflow.utils.name_utils import _generate_random_name

from bridge.errors import InvalidState, ParamChanged
from bridge.records.run import SCRIPT_RUN, TERMINAL_STATUSES, ModelOutput, RunChanges, check_run_time, new_run_id
from bridge.store import one_run
from bridge_mlflow import mlflow_private, queries
from bridge_mlflow.tracked_workspace import TrackedWorkspace, artifact_uri
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
from bridge_mlflow.translate.entities import run_entity, run_info
from bridge_mlflow.translate.errors import changed_param_error, invalid
from bridge_mlflow.translate.statuses import experiment_id_of, experiment_id_or_default, native_status

MOST_DATASET_SUMMARIES = 1000


def create_run(
    workspace: TrackedWorkspace,
    experiment_id: str,
    user_id: str,
    start_time: int,
    tags: list[RunTag] | None,
    run_name: str | None,
) -> Run:
    tags, user_id = spelled_tags(tags or ()), spelled(user_id)
    experiment = workspace.tracking.get_experiment(experiment_id_or_default(experiment_id))
    if experiment.lifecycle_stage != "active":
        raise InvalidState("experiment", experiment.id, experiment.lifecycle_stage, "active")
    name_tag = _get_run_name_from_tags(tags)
    if run_name and name_tag and run_name != name_tag:
        raise invalid(
            "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with "
            f"different values (run_name='{run_name}', mlflow.runName='{name_tag}')."
        )
    check_new_tags(tags)
    for value, what in ((user_id, "user_id"), (start_time, "start_time")):
        if value is None:
            raise MlflowException(f"{what} cannot be None", INTERNAL_ERROR)
    if experiment_id == "":
        raise MlflowException("A new run has no experiment; give the experiment's id.", BAD_REQUEST)
    start_time = check_run_time("start_time", start_time)
    name = run_name or name_tag or _generate_random_name()
    record = new_run(new_run_id(), experiment.id, user_id, start_time, tags, name)
    made = workspace.run_entity(one_run.create_run(workspace.tracking, record))
    return Run(made.info, made.data, made.inputs)  # MLflow's `create_run` returns no outputs, but `get_run` does


def get_run(workspace: TrackedWorkspace, run_id: str) -> Run:
    return workspace.run_entity(one_run.get_run(workspace.tracking, run_id))


def update_run_info(
    workspace: TrackedWorkspace, run_id: str, run_status: int | None, end_time: int | None, run_name: str | None
) -> RunInfo:
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
    return run_info(workspace.plain_run(run_id), workspace.artifact_uri(record))


def delete_run(workspace: TrackedWorkspace, run_id: str) -> None:
    with workspace.companion.changing_run(run_id):
        workspace.tracking.delete_runs((run_id,), workspace.now())


def restore_run(workspace: TrackedWorkspace, run_id: str) -> None:
    with workspace.companion.changing_run(run_id):
        workspace.tracking.restore_runs((run_id,))


def search_runs(
    workspace: TrackedWorkspace,
    experiment_ids: Sequence[str | int],
    filter_string: str | None,
    run_view_type: int,
    max_results: int | None,
    order_by: list[str] | None,
    page_token: str | bytes | None,
) -> tuple[list[Run], bytes | None]:
    query = queries.run_query(experiment_ids, filter_string, run_view_type, max_results, order_by, page_token)
    page = workspace.tracking.search_runs(query)
    locations: dict[str, str] = {}
    found = []
    for record in page.items:
        if record.experiment_id not in locations:
            locations[record.experiment_id] = workspace.location(record.experiment_id)
        uri = artifact_uri(locations[record.experiment_id], record.id)
        found.append(run_entity(record, uri, with_model_inputs=False))
    return found, queries.token(page.next_token)


# Params, tags and inputs


def log_param(workspace: TrackedWorkspace, run_id: str, param: Param) -> None:
    param = mlflow_private.checked_param(param.key, param.value)
    check_new_params([param])
    try:
        workspace.tracking.update_runs((run_id,), RunChanges(params={param.key: param.value}))
    except ParamChanged as error:
        raise changed_param_error(error) from error


def set_tag(workspace: TrackedWorkspace, run_id: str, tag: RunTag) -> None:
    try:
        tag = mlflow_private.checked_tag(tag.key, tag.value)
    except TypeError as error:
        # The key or the value is not text. MLflow's `set_tag` raises an MlflowException, its `log_batch` the TypeError.
        raise MlflowException(str(error), INTERNAL_ERROR) from error
    workspace.tracking.update_runs((run_id,), tag_changes([tag], workspace.plain_run(run_id)))


def delete_tag(workspace: TrackedWorkspace, run_id: str, key: str) -> None:
    workspace.tracking.update_runs((run_id,), removed_tag(workspace.active_run(run_id), key))


def log_inputs(
    workspace: TrackedWorkspace,
    run_id: str,
    datasets: list[DatasetInput] | None = None,
    models: list[LoggedModelInput] | None = None,
) -> None:
    mlflow_private.check_run_id(run_id)
    if datasets is not None:
        if not isinstance(datasets, list):
            raise TypeError(f"Argument 'datasets' should be a list, got '{type(datasets)}'")
        mlflow_private.check_dataset_inputs(datasets)
    used = tuple(dict.fromkeys(model.model_id for model in models or ()))
    check_models(used)
    workspace.tracking.update_runs(
        (run_id,), RunChanges(dataset_inputs=native_dataset_inputs(datasets or ()), model_inputs=used)
    )


def log_outputs(workspace: TrackedWorkspace, run_id: str, models: list[LoggedModelOutput]) -> None:
    made = tuple(ModelOutput(model.model_id, model.step or 0) for model in models)
    check_models([model.model_id for model in made])
    workspace.tracking.update_runs((run_id,), RunChanges(model_outputs=made))


def record_logged_model(workspace: TrackedWorkspace, run_id: str, mlflow_model: Any) -> None:
    from mlflow.models import Model

    if not isinstance(mlflow_model, Model):
        raise TypeError(f"Argument 'mlflow_model' should be mlflow.models.Model, got '{type(mlflow_model)}'")
    before = workspace.plain_run(run_id).tags.get(MLFLOW_LOGGED_MODELS)
    models = [*json.loads(before or "[]"), mlflow_model.get_tags_dict()]
    tag = mlflow_private.checked_tag(MLFLOW_LOGGED_MODELS, json.dumps(models))
    workspace.tracking.update_runs((run_id,), RunChanges(tags={tag.key: tag.value}))


def search_datasets(workspace: TrackedWorkspace, experiment_ids: list[str]) -> list[_DatasetSummary]:
    found = workspace.tracking.search_datasets([experiment_id_of(given) for given in experiment_ids])
    return [_DatasetSummary(*summary) for summary in found[:MOST_DATASET_SUMMARIES]]
