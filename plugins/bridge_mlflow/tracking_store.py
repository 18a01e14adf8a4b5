"""MLflow's tracking store on a workspace: experiments, runs and what they log go straight to its own store."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlflow.entities import (
    DatasetInput,
    Experiment,
    ExperimentTag,
    LoggedModel,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Param,
    Run,
    RunInfo,
    RunTag,
    ViewType,
    _DatasetSummary,
)
from mlflow.entities.metric import MetricWithRunId
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST, INTERNAL_ERROR, INVALID_STATE
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.tracking import SEARCH_MAX_RESULTS_DEFAULT
from mlflow.store.tracking.abstract_store import AbstractStore
from mlflow.utils import validation
from mlflow.utils.async_logging.run_operations import RunOperations
from mlflow.utils.mlflow_tags import MLFLOW_LOGGED_MODELS, _get_run_name_from_tags
from mlflow.utils.name_utils import _generate_random_name
from mlflow.utils.uri import append_to_uri_path, resolve_uri_if_local

from bridge.errors import AlreadyExists, BridgeError, InvalidState, NotFound, ParamChanged
from bridge.records.experiment import ExperimentRecord
from bridge.records.run import SCRIPT_RUN, TERMINAL_STATUSES, ModelOutput, RunChanges, RunRecord, new_run_id
from bridge.records.search import Comparison, ExperimentQuery, Ordering, RunQuery
from bridge.records.series import MLFLOW, Point
from bridge.store.open import Opened, open_store, restore_default_experiment
from bridge.store.points import check_points
from bridge_mlflow import history, queries
from bridge_mlflow.addresses import PROXY_ROOT, SCHEME, artifacts_uri, folder_of
from bridge_mlflow.companion import Companion, forwarding, sql_part
from bridge_mlflow.forwarded import FORWARDED_DEFAULTS, FORWARDED_READS, FORWARDED_WRITES, SQL_PARTS
from bridge_mlflow.translate import (
    changed_param_error,
    check_new_params,
    check_new_tags,
    experiment_entity,
    experiment_id_of,
    experiment_location,
    invalid,
    missing_tag_error,
    mlflow_error,
    name_taken_error,
    native_dataset_inputs,
    native_status,
    new_run,
    removed_tag,
    run_entity,
    run_info,
    tag_changes,
    translated,
)

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

logger = logging.getLogger(__name__)

MOST_CHECKED_KEYS = 10_000
RUNS_AT_ONCE = 1000
MOST_DATASET_SUMMARIES = 1000
NAME_FILTER = re.compile(r"name = '[^']*'")
"""Source: MLflow 3.17.2, `RunsArtifactRepository._get_logged_model_artifact_repo`."""


class BridgeTrackingStore(AbstractStore):
    """The tracking store of one workspace.

    What MLflow knows beside runs (traces, logged models, evaluation datasets, …) is answered by its own store,
    through the companion.
    Source of the rules: MLflow 3.17.2, `mlflow.store.tracking.sqlalchemy_store.SqlAlchemyStore`.
    """

    def __init__(self, store_uri: str) -> None:
        AbstractStore.__init__(self)
        self.opened = _open(store_uri)
        self.tracking = self.opened.tracking
        self.companion = Companion.of(self.opened)
        self._log = self.tracking.log
        self._checked_keys: set[str] = set()

    @property  # type: ignore[misc]  # nobody is to write to it
    def __class__(self) -> type:
        """MLflow's SQL store for whoever asks by `isinstance`, as MLflow's gateway does: what it asks it is forwarded.

        Where the module of that store has not been loaded, nobody can ask for its class.
        """
        module = sys.modules.get("mlflow.store.tracking.sqlalchemy_store")
        return getattr(module, "SqlAlchemyStore", type(self))

    @property
    def artifact_root_uri(self) -> str:
        """The URI below which artifacts lie."""
        return artifacts_uri(self.opened.address)

    # Experiments

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
            validation._validate_experiment_artifact_location_length(artifact_location)
        for tag in tags or ():
            validation._validate_experiment_tag(tag.key, tag.value)
        values = {tag.key: tag.value for tag in tags or ()}
        if len(values) < len(tags or ()):
            raise invalid(f"The tags of experiment {name!r} have a key twice; give each key once.")
        # MLflow's tables get it with the next forwarded call: who only logs runs never loads what they take.
        return self.tracking.create_experiment(name, _now(), artifact_location or None, values).id

    @translated
    def get_experiment(self, experiment_id: str | int | None) -> Experiment:
        return self._experiment(self.tracking.get_experiment(experiment_id_of(experiment_id)))

    @translated
    def get_experiment_by_name(self, experiment_name: str) -> Experiment | None:
        record = self.tracking.find_experiment(experiment_name)
        return None if record is None else self._experiment(record)

    @translated
    def delete_experiment(self, experiment_id: str) -> None:
        self.tracking.delete_experiment(experiment_id_of(experiment_id), _now())
        self.companion.experiment_changed(experiment_id_of(experiment_id))

    @translated
    def restore_experiment(self, experiment_id: str) -> None:
        self.tracking.restore_experiment(experiment_id_of(experiment_id), _now())
        self.companion.experiment_changed(experiment_id_of(experiment_id))

    @translated
    def rename_experiment(self, experiment_id: str, new_name: str) -> None:
        validation._validate_experiment_name(new_name)
        try:
            self.tracking.rename_experiment(experiment_id_of(experiment_id), new_name, _now())
        except AlreadyExists as error:
            raise name_taken_error(new_name) from error
        except InvalidState as error:
            raise MlflowException("Cannot rename a non-active experiment.", INVALID_STATE) from error
        self.companion.experiment_changed(experiment_id_of(experiment_id))

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

    # Runs

    @translated
    def create_run(
        self,
        experiment_id: str,
        user_id: str,
        start_time: int,
        tags: list[RunTag] | None,
        run_name: str | None,
    ) -> Run:
        tags = list(tags or ())
        experiment = self.tracking.get_experiment(experiment_id_of(experiment_id))
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
        name = run_name or name_tag or _generate_random_name()
        record = new_run(new_run_id(), experiment.id, user_id, start_time, tags, name)
        made = self._run(self.tracking.create_run(record))
        return Run(made.info, made.data, made.inputs)  # outputs come with a run that is asked for, as in MLflow

    @translated
    def get_run(self, run_id: str) -> Run:
        return self._run(self.tracking.get_run(run_id))

    @translated
    def update_run_info(
        self, run_id: str, run_status: int | None, end_time: int | None, run_name: str | None
    ) -> RunInfo:
        record = self._active_run(run_id)
        status = None if run_status is None else native_status(run_status, record.status)
        if record.type == SCRIPT_RUN and (
            record.status not in TERMINAL_STATUSES or status in (None, *TERMINAL_STATUSES)
        ):
            # Its launcher gives it its status, whatever a logger within the script says of it; and how it ended stays:
            # `mlflow run` says FAILED of every run that was canceled, and FINISHED, now, of one that is Completed.
            status = end_time = None
        started = _now() if status == "Running" and record.start_time is None else None
        changes = RunChanges(status=status, start_time=started, end_time=end_time, display_name=run_name or None)
        self.tracking.update_run(run_id, changes)
        return run_info(self.tracking.get_run(run_id), self._artifact_uri(record))

    @translated
    def delete_run(self, run_id: str) -> None:
        with self.companion.changing_run(run_id):
            self.tracking.delete_run(run_id, _now())

    @translated
    def restore_run(self, run_id: str) -> None:
        with self.companion.changing_run(run_id):
            self.tracking.restore_run(run_id)

    @translated
    def _search_runs(
        self,
        experiment_ids: Sequence[str | int],
        filter_string: str | None,
        run_view_type: int,
        max_results: int | None,
        order_by: list[str] | None,
        page_token: str | bytes | None,
    ) -> tuple[list[Run], bytes | None]:
        query = queries.run_query(experiment_ids, filter_string, run_view_type, max_results, order_by, page_token)
        page = self.tracking.search_runs(query)
        locations: dict[str, str] = {}
        found = []
        for record in page.items:
            if record.experiment_id not in locations:
                locations[record.experiment_id] = self._location(record.experiment_id)
            uri = _artifact_uri(locations[record.experiment_id], record.id)
            found.append(run_entity(record, uri, with_model_inputs=False))
        return found, queries.token(page.next_token)

    # Deletion for good, which `mlflow gc` lives on

    @translated
    def _get_deleted_runs(self, older_than: int = 0) -> list[str]:
        self.tracking.purge_runs(())  # what one that was killed has begun
        experiments = self.tracking.search_experiments(ExperimentQuery(view="all")).items
        old = Comparison("attribute", "deletion_time", "<=", _now() - int(older_than))
        query = RunQuery(
            tuple(one.id for one in experiments), (old,), (Ordering("attribute", "start_time"),), "deleted"
        )
        return [record.id for record in self._all_runs(query)]

    @translated
    def _hard_delete_run(self, run_id: str) -> None:
        self._delete_artifacts(self.tracking.get_run(run_id, latest=False))
        with self.companion.changing_run(run_id):
            self.tracking.purge_runs((run_id,))

    @translated
    def _hard_delete_experiment(self, experiment_id: str) -> None:
        wanted = experiment_id_of(experiment_id)
        if self.tracking.get_experiment(wanted).lifecycle_stage == "deleted":
            for record in self._all_runs(RunQuery((wanted,), view="all")):
                self._delete_artifacts(record)
        self.tracking.purge_experiment(wanted)
        self.companion.experiment_changed(wanted)

    @translated
    def _get_deleted_logged_models(self, older_than: int = 0) -> list[str]:
        if not self.companion.exists:  # as below
            return []
        found: list[str] = self.companion.call("_get_deleted_logged_models", older_than=older_than)
        return found

    # Params, tags and inputs

    @translated
    def log_param(self, run_id: str, param: Param) -> None:
        param = validation._validate_param(param.key, param.value)
        check_new_params([param])
        try:
            self.tracking.update_run(run_id, RunChanges(params={param.key: param.value}))
        except ParamChanged as error:
            raise changed_param_error(error) from error

    @translated
    def set_tag(self, run_id: str, tag: RunTag) -> None:
        try:
            tag = validation._validate_tag(tag.key, tag.value)
        except TypeError as error:  # a key or a value that is no text; a batch with it raises the TypeError
            raise MlflowException(str(error), INTERNAL_ERROR) from error
        self.tracking.update_run(run_id, tag_changes([tag], self.tracking.get_run(run_id)))

    @translated
    def delete_tag(self, run_id: str, key: str) -> None:
        self.tracking.update_run(run_id, removed_tag(self._active_run(run_id), key))

    @translated
    def log_inputs(
        self,
        run_id: str,
        datasets: list[DatasetInput] | None = None,
        models: list[LoggedModelInput] | None = None,
    ) -> None:
        validation._validate_run_id(run_id)
        if datasets is not None:
            if not isinstance(datasets, list):
                raise TypeError(f"Argument 'datasets' should be a list, got '{type(datasets)}'")
            validation._validate_dataset_inputs(datasets)
        used = tuple(dict.fromkeys(model.model_id for model in models or ()))
        self.tracking.update_run(
            run_id, RunChanges(dataset_inputs=native_dataset_inputs(datasets or ()), model_inputs=used)
        )

    @translated
    def log_outputs(self, run_id: str, models: list[LoggedModelOutput]) -> None:
        made = tuple(ModelOutput(model.model_id, model.step) for model in models)
        self.tracking.update_run(run_id, RunChanges(model_outputs=made))

    @translated
    def record_logged_model(self, run_id: str, mlflow_model: Any) -> None:
        from mlflow.models import Model

        if not isinstance(mlflow_model, Model):
            raise TypeError(f"Argument 'mlflow_model' should be mlflow.models.Model, got '{type(mlflow_model)}'")
        before = self.tracking.get_run(run_id).tags.get(MLFLOW_LOGGED_MODELS)
        models = [*json.loads(before or "[]"), mlflow_model.get_tags_dict()]
        tag = validation._validate_tag(MLFLOW_LOGGED_MODELS, json.dumps(models))
        self.tracking.update_run(run_id, RunChanges(tags={tag.key: tag.value}))

    @translated
    def _search_datasets(self, experiment_ids: list[str]) -> list[_DatasetSummary]:
        found = self.tracking.search_datasets([experiment_id_of(given) for given in experiment_ids])
        return [_DatasetSummary(*summary) for summary in found[:MOST_DATASET_SUMMARIES]]

    # Metrics

    def log_metric(self, run_id: str, metric: Metric, **later: Any) -> None:
        # The way of nearly every call, in a few microseconds: a key that was checked before, plain numbers, no model.
        key, value, timestamp, step = metric.key, metric.value, metric.timestamp, metric.step
        if (
            type(value) is float
            and type(step) is int
            and type(timestamp) is int
            and timestamp >= 0
            and metric.model_id is None
            and key in self._checked_keys
            and not later
        ):
            try:
                self._log(run_id, key, value, timestamp, step, MLFLOW)
            except BridgeError as error:
                raise mlflow_error(error) from error
        else:
            self._log_checked(run_id, metric, **later)

    @translated
    def _log_checked(self, run_id: str, metric: Metric) -> None:
        validation._validate_metric(metric.key, metric.value, metric.timestamp, metric.step)
        if metric.model_id is not None:
            self.companion.log_model_metrics(self._active_run(run_id), [metric])
        point = _point(metric, "")
        self.tracking.log(run_id, point.key, point.value, point.timestamp, point.step, MLFLOW)
        self._note_checked(point.key)

    @translated
    def log_batch(
        self, run_id: str, metrics: Sequence[Metric], params: Sequence[Param], tags: Sequence[RunTag]
    ) -> None:
        validation._validate_run_id(run_id)
        metrics, params, tags = validation._validate_batch_log_data(metrics, params, tags)
        validation._validate_batch_log_limits(metrics, params, tags)
        validation._validate_param_keys_unique(params)
        try:
            points = [_point(metric, f"metrics[{index}]") for index, metric in enumerate(metrics)]
        except OverflowError as error:
            raise MlflowException(str(error), INTERNAL_ERROR) from error
        of_models = [metric for metric in metrics if metric.model_id is not None]
        if params or tags or not metrics:
            check_points(points)  # before anything is written
            check_new_params(params)
            values = {param.key: param.value for param in params}
            changes = tag_changes(tags, self.tracking.get_run(run_id), values) if tags else RunChanges(params=values)
            self.tracking.update_run(run_id, changes)
        if of_models:
            # Before the points, so that an unknown model stores none.
            self.companion.log_model_metrics(self._active_run(run_id), of_models)
        if points:
            self.tracking.log_points(run_id, points, MLFLOW)

    def log_batch_async(
        self, run_id: str, metrics: Sequence[Metric], params: Sequence[Param], tags: Sequence[RunTag], **later: Any
    ) -> RunOperations:
        """Log at once, so that nothing is lost if the process dies; a failure waits in the answer."""
        done: Future[None] = Future()
        try:
            self.log_batch(run_id, metrics, params, tags, **later)
            done.set_result(None)
        except (MlflowException, TypeError, ValueError, OverflowError) as error:
            logger.error("Run %s: %s", run_id, error)  # for callers that never look at the answer
            done.set_exception(error)
        return RunOperations([done])

    @translated
    def get_metric_history(
        self, run_id: str, metric_key: str, max_results: int | None = None, page_token: str | bytes | None = None
    ) -> PagedList[Metric]:
        return history.page(self.tracking, run_id, metric_key, max_results, page_token)

    @translated
    def get_metric_history_bulk(
        self, run_ids: Iterable[str], metric_key: str, max_results: int
    ) -> list[MetricWithRunId]:
        return history.bulk(self.tracking, run_ids, metric_key, max_results)

    @translated
    def get_metric_history_bulk_interval(
        self, run_ids: list[str], metric_key: str, max_results: int, start_step: int | None, end_step: int | None
    ) -> list[MetricWithRunId]:
        if (start_step is None) != (end_step is None):
            raise invalid("Both start_step and end_step must be specified together, or neither may be specified.")
        points: list[MetricWithRunId] = []
        for run_id in run_ids:
            found = history.by_step(history.read(self.tracking, run_id, metric_key))
            if start_step is not None and end_step is not None:
                found = history.between(found, start_step, end_step)
            points += history.with_run_id(run_id, metric_key, history.sampled(found, max(1, max_results)))
        return points

    @translated
    def get_metric_history_bulk_interval_from_steps(
        self, run_id: str, metric_key: str, steps: Iterable[int], max_results: int
    ) -> list[MetricWithRunId]:
        listed = history.at_steps(history.by_step(history.read(self.tracking, run_id, metric_key)), steps)
        return history.with_run_id(run_id, metric_key, history.take(listed, slice(0, max_results)))

    # Logged models are the companion's, but for the one question that every look into a folder of artifacts asks

    @translated
    def search_logged_models(
        self, experiment_ids: list[str], filter_string: str | None = None, *args: Any, **kwargs: Any
    ) -> PagedList[LoggedModel]:
        if not self.companion.exists and NAME_FILTER.fullmatch(filter_string or ""):
            # MLflow's own store takes seconds to be made, and would find nothing.
            return PagedList([], None)
        answer: PagedList[LoggedModel] = self.companion.call(
            "search_logged_models", experiment_ids, filter_string, *args, **kwargs
        )
        return answer

    @translated
    def ManagedSessionMaker(self, read_only: bool = True) -> AbstractContextManager[Session]:
        """What `mlflow crypto rotate-kek` opens, to change the secrets of the gateway by itself."""
        return self.companion.session(read_only)

    # Our own

    def _note_checked(self, key: str) -> None:
        if len(self._checked_keys) >= MOST_CHECKED_KEYS:
            self._checked_keys.clear()
        self._checked_keys.add(key)

    def _active_run(self, run_id: str) -> RunRecord:
        record = self.tracking.get_run(run_id)
        if record.lifecycle_stage != "active":
            raise InvalidState("run", run_id, record.lifecycle_stage, "active")
        return record

    def _all_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        token: str | None = None
        while True:
            page = self.tracking.search_runs(replace(query, max_results=RUNS_AT_ONCE, page_token=token))
            yield from page.items
            token = page.next_token
            if token is None:
                return

    def _delete_artifacts(self, record: RunRecord) -> None:
        """Before the run goes: afterwards nothing leads to them."""
        self.opened.artifacts.delete(record.artifact_root)

    def _experiment(self, record: ExperimentRecord) -> Experiment:
        return experiment_entity(record, self.artifact_root_uri)

    def _run(self, record: RunRecord) -> Run:
        return run_entity(record, self._artifact_uri(record))

    def _artifact_uri(self, record: RunRecord) -> str:
        return _artifact_uri(self._location(record.experiment_id), record.id)

    def _location(self, experiment_id: str) -> str:
        return experiment_location(self.tracking.get_experiment(experiment_id), self.artifact_root_uri)


for _name in FORWARDED_READS | FORWARDED_DEFAULTS | FORWARDED_WRITES:
    if _name not in vars(BridgeTrackingStore):
        setattr(BridgeTrackingStore, _name, forwarding(_name))
for _name in SQL_PARTS:
    setattr(BridgeTrackingStore, _name, sql_part(_name))


def _open(store_uri: str) -> Opened:
    try:
        opened = open_store(folder_of(store_uri))
        restore_default_experiment(opened)
        return opened
    except BridgeError as error:
        raise mlflow_error(error) from error


def _artifact_uri(location: str, run_id: str) -> str:
    if location.startswith((f"{SCHEME}:", PROXY_ROOT)):
        return f"{location.rstrip('/')}/{run_id}/artifacts"
    return str(append_to_uri_path(location, run_id, "artifacts"))


def _point(metric: Metric, path: str) -> Point:
    """A metric that MLflow's checks let pass, as a point: whatever is a number there becomes a float here."""
    step: Any = metric.step
    if isinstance(step, float) and not step.is_integer():
        said = f"metric '{metric.key}' (value={metric.value}). Step must be a valid long (64-bit integer)."
        where = validation.append_to_json_path(path, "step")
        raise invalid(validation.invalid_value(where, step, said))
    return Point(metric.key, float(metric.value), int(metric.timestamp), int(step))


def _now() -> int:
    return time.time_ns() // 1_000_000
