"""The methods of MLflow's tracking store for metrics, as functions over a workspace."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Sequence
from typing import Any

from mlflow.entities import Metric, Param, RunTag
from mlflow.entities.metric import MetricWithRunId
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INTERNAL_ERROR
from mlflow.store.entities.paged_list import PagedList
from mlflow.utils import validation

from bridge.records.point_columns import PointColumns
from bridge.records.run import RunChanges
from bridge.records.series import MLFLOW, Point
from bridge.store.points import check_points
from bridge_mlflow import history, mlflow_private
from bridge_mlflow.tracked_workspace import TrackedWorkspace
from bridge_mlflow.translate.changes import check_new_params, tag_changes
from bridge_mlflow.translate.errors import invalid

PLAIN_KEY = re.compile(r"[a-zA-Z0-9_][\w.\- ]*(?:/[a-zA-Z0-9_][\w.\- ]*)*", re.ASCII)
"""Keys of metrics that MLflow accepts, if they are not too long. It also accepts others, for example with a colon."""

MOST_VALID_KEYS = 10_000
"""The number of keys that are remembered because MLflow accepts them."""

_valid_keys: set[str] = set()


def log_metric(workspace: TrackedWorkspace, run_id: str, metric: Metric) -> None:
    mlflow_private.check_metric(metric.key, metric.value, metric.timestamp, metric.step)
    if metric.model_id is not None:
        workspace.companion.log_model_metrics(workspace.active_run(run_id), [metric])
    point = _point(metric, "")
    workspace.tracking.log(run_id, point.key, point.value, point.timestamp, point.step, MLFLOW)


def log_batch(
    workspace: TrackedWorkspace, run_id: str, metrics: Sequence[Metric], params: Sequence[Param], tags: Sequence[RunTag]
) -> None:
    mlflow_private.check_run_id(run_id)
    points: Sequence[Point] | None = _columns(metrics)
    _, params, tags = mlflow_private.checked_batch(metrics if points is None else (), params, tags)
    mlflow_private.check_batch_limits(metrics, params, tags)
    mlflow_private.check_param_keys_unique(params)
    of_models = []
    if points is None:
        try:
            points = [_point(metric, f"metrics[{index}]") for index, metric in enumerate(metrics)]
        except OverflowError as error:
            raise MlflowException(str(error), INTERNAL_ERROR) from error
        of_models = [metric for metric in metrics if metric.model_id is not None]
    if params or tags or not metrics:
        check_points(points)  # check before the writes below, so that nothing is written if a point is not valid
        check_new_params(params)
        values = {param.key: param.value for param in params}
        changes = tag_changes(tags, workspace.plain_run(run_id), values) if tags else RunChanges(params=values)
        workspace.tracking.update_runs((run_id,), changes)
    if of_models:
        # The metrics of models are stored before the points: if a model does not exist, no point is stored.
        workspace.companion.log_model_metrics(workspace.active_run(run_id), of_models)
    if len(points) == 1:
        key, value, timestamp, step, *_ = points[0]
        workspace.tracking.log(run_id, key, value, timestamp, step, MLFLOW)
    elif points:
        workspace.tracking.log_points(run_id, points, MLFLOW)


def get_metric_history(
    workspace: TrackedWorkspace,
    run_id: str,
    metric_key: str,
    max_results: int | None = None,
    page_token: str | bytes | None = None,
) -> PagedList[Metric]:
    return history.page(workspace.tracking.views, run_id, metric_key, max_results, page_token)


def get_metric_history_bulk(
    workspace: TrackedWorkspace, run_ids: Iterable[str], metric_key: str, max_results: int
) -> list[MetricWithRunId]:
    return history.bulk(workspace.tracking, run_ids, metric_key, max_results)


def get_metric_history_bulk_interval(
    workspace: TrackedWorkspace,
    run_ids: list[str],
    metric_key: str,
    max_results: int,
    start_step: int | None,
    end_step: int | None,
) -> list[MetricWithRunId]:
    if (start_step is None) != (end_step is None):
        raise invalid("Both start_step and end_step must be specified together, or neither may be specified.")
    points: list[MetricWithRunId] = []
    for run_id in run_ids:
        found = history.by_step(history.read(workspace.tracking, run_id, metric_key))
        if start_step is not None and end_step is not None:
            found = history.between(found, start_step, end_step)
        points += history.with_run_id(run_id, metric_key, history.sampled(found, max(1, max_results)))
    return points


def get_metric_history_bulk_interval_from_steps(
    workspace: TrackedWorkspace, run_id: str, metric_key: str, steps: Iterable[int], max_results: int
) -> list[MetricWithRunId]:
    listed = history.at_steps(history.by_step(history.read(workspace.tracking, run_id, metric_key)), steps)
    return history.with_run_id(run_id, metric_key, history.take(listed, slice(0, max_results)))


def _columns(metrics: Sequence[Metric]) -> PointColumns | None:
    """Return metrics as columns of points; None if a metric may not be valid, or belongs to a model.

    The metrics are checked together, which is much faster than MLflow's own checks.
    """
    count = len(metrics)
    if count < 2 or list(map(type, metrics)).count(Metric) != count:
        return None
    keys, values, timestamps, steps, models = zip(*map(mlflow_private.metric_fields, metrics), strict=True)
    if models.count(None) != count:
        return None
    for column, kind in ((keys, str), (values, float), (timestamps, int), (steps, int)):
        if list(map(type, column)).count(kind) != count:
            return None
    if min(timestamps) < 0 or not _are_valid_keys(keys):
        return None
    try:
        packed = struct.pack(f"<{count}d", *values)
        return PointColumns(
            keys[:1] if keys.count(keys[0]) == count else keys, packed, _packed(timestamps), _packed(steps)
        )
    except struct.error:  # a timestamp or step does not fit into 64 bits
        return None


def _packed(numbers: tuple[int, ...]) -> int | bytes:
    """Return integers as a column, or the integer that all points share."""
    return numbers[0] if numbers.count(numbers[0]) == len(numbers) else struct.pack(f"<{len(numbers)}q", *numbers)


def _are_valid_keys(keys: Sequence[str]) -> bool:
    """Return whether MLflow accepts the keys of metrics. MLflow's check takes longer than logging the metrics."""
    if _valid_keys.issuperset(keys):
        return True
    new = set(keys) - _valid_keys
    if None in map(PLAIN_KEY.fullmatch, new) or max(map(len, new)) > validation.MAX_ENTITY_KEY_LENGTH:
        if not all(map(_is_valid_key, new)):
            return False
    if len(_valid_keys) + len(new) > MOST_VALID_KEYS:
        _valid_keys.clear()
    _valid_keys.update(new)
    return True


def _is_valid_key(key: str) -> bool:
    try:
        mlflow_private.check_metric(key, 0.0, 0, 0)
    except MlflowException:
        return False
    return True


def _point(metric: Metric, path: str) -> Point:
    """Convert a metric to a point. The metric must have passed MLflow's checks.

    `path` is the position of the metric in the request. It is part of the error message.
    """
    step: Any = metric.step
    if isinstance(step, float) and not step.is_integer():
        advice = f"metric '{metric.key}' (value={metric.value}). Step must be a valid long (64-bit integer)."
        where = validation.append_to_json_path(path, "step")
        raise invalid(validation.invalid_value(where, step, advice))
    return Point(metric.key, float(metric.value), int(metric.timestamp), int(step))
