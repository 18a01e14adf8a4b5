"""The methods of MLflow's tracking store for experiments, as functions over a workspace."""

from __future__ import annotations

from mlflow.entities import Experiment, ExperimentTag, ViewType
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_STATE
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.tracking import SEARCH_MAX_RESULTS_DEFAULT
from mlflow.utils.uri import resolve_uri_if_local

from bridge.errors import AlreadyExists, InvalidState, NotFound
from bridge.records.search import ExperimentQuery
from bridge_mlflow import mlflow_private, queries
from bridge_mlflow.confinement import check_location
from bridge_mlflow.tracked_workspace import TrackedWorkspace
from bridge_mlflow.translate.errors import invalid, missing_tag_error, name_taken_error
from bridge_mlflow.translate.statuses import experiment_id_of, experiment_id_or_default


def search_experiments(
    workspace: TrackedWorkspace,
    view_type: int = ViewType.ACTIVE_ONLY,
    max_results: int = SEARCH_MAX_RESULTS_DEFAULT,
    filter_string: str | None = None,
    order_by: list[str] | None = None,
    page_token: str | bytes | None = None,
) -> PagedList[Experiment]:
    query = queries.experiment_query(view_type, max_results, filter_string, order_by, page_token)
    page = workspace.tracking.search_experiments(query)
    return PagedList([workspace.experiment_entity(record) for record in page.items], queries.token(page.next_token))


def create_experiment(
    workspace: TrackedWorkspace,
    name: str,
    artifact_location: str | None = None,
    tags: list[ExperimentTag] | None = None,
) -> str:
    mlflow_private.check_experiment_name(name)
    if artifact_location:
        artifact_location = resolve_uri_if_local(artifact_location)
        check_location(artifact_location, "artifact location")
        mlflow_private.check_location_length(artifact_location)
    for tag in tags or ():
        mlflow_private.check_experiment_tag(tag.key, tag.value)
    values = {tag.key: tag.value for tag in tags or ()}
    if len(values) < len(tags or ()):
        raise invalid(f"Several tags of experiment {name!r} have the same key; give each key once.")
    # The experiment is not written to MLflow's own tables here. The companion, the part of this plugin that calls
    # MLflow's own stores, writes it before the next call that uses these tables. A process that only logs runs makes no
    # such call, and does not load SQLAlchemy.
    return workspace.tracking.create_experiment(name, workspace.now(), artifact_location or None, values).id


def get_experiment(workspace: TrackedWorkspace, experiment_id: str | int | None) -> Experiment:
    return workspace.experiment_entity(workspace.tracking.get_experiment(experiment_id_or_default(experiment_id)))


def get_experiment_by_name(workspace: TrackedWorkspace, experiment_name: str) -> Experiment | None:
    record = workspace.tracking.find_experiment(experiment_name)
    return None if record is None else workspace.experiment_entity(record)


def delete_experiment(workspace: TrackedWorkspace, experiment_id: str) -> None:
    if not experiment_id and get_experiment(workspace, experiment_id).lifecycle_stage != "active":
        # As in MLflow: if the id is empty and experiment 0 is deleted, the error states that experiment 0 does not
        # exist. If experiment 0 is not deleted, the empty id is refused as not valid.
        raise NotFound("experiment", "0")
    workspace.tracking.delete_experiment(experiment_id_of(experiment_id), workspace.now())
    workspace.companion.experiment_changed(experiment_id_of(experiment_id))


def restore_experiment(workspace: TrackedWorkspace, experiment_id: str) -> None:
    workspace.tracking.restore_experiment(experiment_id_or_default(experiment_id), workspace.now())
    workspace.companion.experiment_changed(experiment_id_or_default(experiment_id))


def rename_experiment(workspace: TrackedWorkspace, experiment_id: str, new_name: str) -> None:
    mlflow_private.check_experiment_name(new_name)
    try:
        workspace.tracking.rename_experiment(experiment_id_or_default(experiment_id), new_name, workspace.now())
    except AlreadyExists as error:
        raise name_taken_error(new_name) from error
    except InvalidState as error:
        raise MlflowException("Cannot rename a non-active experiment.", INVALID_STATE) from error
    workspace.companion.experiment_changed(experiment_id_or_default(experiment_id))


def set_experiment_tag(workspace: TrackedWorkspace, experiment_id: str, tag: ExperimentTag) -> None:
    mlflow_private.check_experiment_tag(tag.key, tag.value)
    workspace.tracking.set_experiment_tags(experiment_id_of(experiment_id), {tag.key: tag.value})


def delete_experiment_tag(workspace: TrackedWorkspace, experiment_id: str, key: str) -> None:
    try:
        workspace.tracking.set_experiment_tags(experiment_id_of(experiment_id), {}, (key,))
    except NotFound as error:
        if error.kind == "experiment":
            raise
        raise missing_tag_error(key, f"experiment with id {experiment_id}") from error


def filter_active_experiment_ids(workspace: TrackedWorkspace, experiment_ids: list[str]) -> list[str]:
    wanted = {experiment_id_of(given) for given in experiment_ids}
    active = workspace.tracking.search_experiments(ExperimentQuery()).items if wanted else ()
    return [record.id for record in active if record.id in wanted]
