"""The metrics of MLflow's tracking store on a workspace: points are logged, and read in order."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from typing import Any

from mlflow.entities import Metric, Param, RunTag
from mlflow.entities.metric import MetricWithRunId
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INTERNAL_ERROR
from mlflow.store.entities.paged_list import PagedList
from mlflow.utils import validation
from mlflow.utils.async_logging.run_operations import RunOperations

from bridge.errors import BridgeError
from bridge.records.run import RunChanges
from bridge.records.series import MLFLOW, Point
from bridge.store.points import check_points
from bridge_mlflow import history
from bridge_mlflow.tracking_part import TrackingPart
from bridge_mlflow.translate import check_new_params, invalid, mlflow_error, tag_changes, translated

logger = logging.getLogger(__name__)

MOST_CHECKED_KEYS = 10_000


class TrackingMetrics(TrackingPart):
    """Metrics, which go straight to the workspace's journal, and batches with them."""

    def __init__(self, store_uri: str) -> None:
        TrackingPart.__init__(self, store_uri)
        self._log = self.tracking.log
        self._checked_keys: set[str] = set()

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

    def _note_checked(self, key: str) -> None:
        if len(self._checked_keys) >= MOST_CHECKED_KEYS:
            self._checked_keys.clear()
        self._checked_keys.add(key)


def _point(metric: Metric, path: str) -> Point:
    """A metric that MLflow's checks let pass, as a point: whatever is a number there becomes a float here."""
    step: Any = metric.step
    if isinstance(step, float) and not step.is_integer():
        said = f"metric '{metric.key}' (value={metric.value}). Step must be a valid long (64-bit integer)."
        where = validation.append_to_json_path(path, "step")
        raise invalid(validation.invalid_value(where, step, said))
    return Point(metric.key, float(metric.value), int(metric.timestamp), int(step))
