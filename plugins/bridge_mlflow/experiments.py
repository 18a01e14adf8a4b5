"""The calls of MLflow's API for experiments, as functions over the records of a workspace.

This module does not import MLflow.
"""

from __future__ import annotations

from collections.abc import Sequence

from bridge.errors import AlreadyExists, InvalidState, NotFound
from bridge.records.experiment import ExperimentRecord
from bridge.records.page import Page
from bridge.records.search import ExperimentQuery
from bridge_mlflow import queries, rules
from bridge_mlflow.called_workspace import CalledWorkspace
from bridge_mlflow.translate.given import Labelled
from bridge_mlflow.translate.refusals import Refusal, missing_tag, name_taken
from bridge_mlflow.translate.statuses import experiment_id_of, experiment_id_or_default


def search_experiments(
    workspace: CalledWorkspace,
    view_type: int = 1,
    max_results: int = 1000,
    filter_string: str | None = None,
    order_by: Sequence[str] | None = None,
    page_token: str | bytes | None = None,
) -> Page[ExperimentRecord]:
    query = queries.experiment_query(view_type, max_results, filter_string, order_by, page_token)
    return workspace.tracking.search_experiments(query)


def create_experiment(
    workspace: CalledWorkspace,
    name: str,
    artifact_location: str | None = None,
    tags: Sequence[Labelled] | None = None,
) -> str:
    rules.check_experiment_name(name)
    if artifact_location:
        artifact_location = workspace.checked_location(artifact_location)
        rules.check_location_length(artifact_location)
    for tag in tags or ():
        rules.check_experiment_tag(tag.key, tag.value)
    values = {tag.key: tag.value for tag in tags or ()}
    if len(values) < len(tags or ()):
        raise Refusal(f"Several tags of experiment {name!r} have the same key; give each key once.")
    # The experiment is not written to MLflow's own tables here. The companion, the part of this plugin that calls
    # MLflow's own stores, writes it before the next call that uses these tables. A process that only logs runs makes no
    # such call, and does not load SQLAlchemy.
    return workspace.tracking.create_experiment(name, workspace.now(), artifact_location or None, values).id


def get_experiment(workspace: CalledWorkspace, experiment_id: str | int | None) -> ExperimentRecord:
    return workspace.tracking.get_experiment(experiment_id_or_default(experiment_id))


def get_experiment_by_name(workspace: CalledWorkspace, experiment_name: str) -> ExperimentRecord | None:
    return workspace.tracking.find_experiment(experiment_name)


def delete_experiment(workspace: CalledWorkspace, experiment_id: str) -> None:
    if not experiment_id and get_experiment(workspace, experiment_id).lifecycle_stage != "active":
        # As in MLflow: if the id is empty and experiment 0 is deleted, the error states that experiment 0 does not
        # exist. If experiment 0 is not deleted, the empty id is refused as not valid.
        raise NotFound("experiment", "0")
    workspace.tracking.delete_experiment(experiment_id_of(experiment_id), workspace.now())
    workspace.experiment_changed(experiment_id_of(experiment_id))


def restore_experiment(workspace: CalledWorkspace, experiment_id: str) -> None:
    workspace.tracking.restore_experiment(experiment_id_or_default(experiment_id), workspace.now())
    workspace.experiment_changed(experiment_id_or_default(experiment_id))


def rename_experiment(workspace: CalledWorkspace, experiment_id: str, new_name: str) -> None:
    rules.check_experiment_name(new_name)
    try:
        workspace.tracking.rename_experiment(experiment_id_or_default(experiment_id), new_name, workspace.now())
    except AlreadyExists as error:
        raise name_taken(new_name) from error
    except InvalidState as error:
        raise Refusal("Cannot rename a non-active experiment.", "INVALID_STATE") from error
    workspace.experiment_changed(experiment_id_or_default(experiment_id))


def set_experiment_tag(workspace: CalledWorkspace, experiment_id: str, tag: Labelled) -> None:
    rules.check_experiment_tag(tag.key, tag.value)
    workspace.tracking.set_experiment_tags(experiment_id_of(experiment_id), {tag.key: tag.value})


def delete_experiment_tag(workspace: CalledWorkspace, experiment_id: str, key: str) -> None:
    try:
        workspace.tracking.set_experiment_tags(experiment_id_of(experiment_id), {}, (key,))
    except NotFound as error:
        if error.kind == "experiment":
            raise
        raise missing_tag(key, f"experiment with id {experiment_id}") from error


def filter_active_experiment_ids(workspace: CalledWorkspace, experiment_ids: list[str]) -> list[str]:
    wanted = {experiment_id_of(given) for given in experiment_ids}
    active = workspace.tracking.search_experiments(ExperimentQuery()).items if wanted else ()
    return [record.id for record in active if record.id in wanted]
