"""The experiments of MLflow's tracking store on a workspace."""

from __future__ import annotations

from mlflow.entities import Experiment, ExperimentTag, ViewType
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_STATE
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.tracking import SEARCH_MAX_RESULTS_DEFAULT
from mlflow.utils import validation
from mlflow.utils.uri import resolve_uri_if_local

from bridge.errors import AlreadyExists, InvalidState, NotFound
from bridge.records.search import ExperimentQuery
from bridge_mlflow import queries
from bridge_mlflow.confinement import check_place
from bridge_mlflow.tracking_part import TrackingPart
from bridge_mlflow.translate import (
    experiment_id_of,
    experiment_id_or_default,
    invalid,
    missing_tag_error,
    name_taken_error,
    translated,
)


class TrackingExperiments(TrackingPart):
    """Experiments, which go straight to the workspace's own store."""

    @translated
    def search_experiments(
        self,
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = SEARCH_MAX_RESULTS_DEFAULT,
        filter_string: str | None = None,
        order_by: list[str] | None = None,
        page_token: str | bytes | None = None,
    ) -> PagedList[Experiment]:
        query = queries.experiment_query(view_type, max_results, filter_string, order_by, page_token)
        page = self.tracking.search_experiments(query)
        return PagedList([self._experiment(record) for record in page.items], queries.token(page.next_token))

    @translated
    def create_experiment(
        self, name: str, artifact_location: str | None = None, tags: list[ExperimentTag] | None = None
    ) -> str:
        validation._validate_experiment_name(name)
        if artifact_location:
            artifact_location = resolve_uri_if_local(artifact_location)
            check_place(artifact_location, "artifact location")
            validation._validate_experiment_artifact_location_length(artifact_location)
        for tag in tags or ():
            validation._validate_experiment_tag(tag.key, tag.value)
        values = {tag.key: tag.value for tag in tags or ()}
        if len(values) < len(tags or ()):
            raise invalid(f"The tags of experiment {name!r} have a key twice; give each key once.")
        # MLflow's tables get it with the next forwarded call: who only logs runs never loads what they take.
        return self.tracking.create_experiment(name, self._now(), artifact_location or None, values).id

    @translated
    def get_experiment(self, experiment_id: str | int | None) -> Experiment:
        return self._experiment(self.tracking.get_experiment(experiment_id_or_default(experiment_id)))

    @translated
    def get_experiment_by_name(self, experiment_name: str) -> Experiment | None:
        record = self.tracking.find_experiment(experiment_name)
        return None if record is None else self._experiment(record)

    @translated
    def delete_experiment(self, experiment_id: str) -> None:
        if not experiment_id and self.get_experiment(experiment_id).lifecycle_stage != "active":
            raise NotFound("experiment", "0")  # MLflow looks for it before it refuses the id
        self.tracking.delete_experiment(experiment_id_of(experiment_id), self._now())
        self.companion.experiment_changed(experiment_id_of(experiment_id))

    @translated
    def restore_experiment(self, experiment_id: str) -> None:
        self.tracking.restore_experiment(experiment_id_or_default(experiment_id), self._now())
        self.companion.experiment_changed(experiment_id_or_default(experiment_id))

    @translated
    def rename_experiment(self, experiment_id: str, new_name: str) -> None:
        validation._validate_experiment_name(new_name)
        try:
            self.tracking.rename_experiment(experiment_id_or_default(experiment_id), new_name, self._now())
        except AlreadyExists as error:
            raise name_taken_error(new_name) from error
        except InvalidState as error:
            raise MlflowException("Cannot rename a non-active experiment.", INVALID_STATE) from error
        self.companion.experiment_changed(experiment_id_or_default(experiment_id))

    @translated
    def set_experiment_tag(self, experiment_id: str, tag: ExperimentTag) -> None:
        validation._validate_experiment_tag(tag.key, tag.value)
        self.tracking.set_experiment_tags(experiment_id_of(experiment_id), {tag.key: tag.value})

    @translated
    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        try:
            self.tracking.set_experiment_tags(experiment_id_of(experiment_id), {}, (key,))
        except NotFound as error:
            if error.kind == "experiment":
                raise
            raise missing_tag_error(key, f"experiment with id {experiment_id}") from error

    @translated
    def filter_active_experiment_ids(self, experiment_ids: list[str]) -> list[str]:
        wanted = {experiment_id_of(given) for given in experiment_ids}
        active = self.tracking.search_experiments(ExperimentQuery()).items if wanted else ()
        return [record.id for record in active if record.id in wanted]
