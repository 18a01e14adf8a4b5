"""The calls of MLflow's API for metrics, as functions over the records of a workspace.

This module does not import MLflow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from bridge.records.point_columns import PointColumns
from bridge.records.run import RunChanges
from bridge.records.series import MLFLOW, Point
from bridge.store.points import check_points
from bridge_mlflow import history, rules
from bridge_mlflow.called_workspace import CalledWorkspace
from bridge_mlflow.history import HistoryPage, RunPoints
from bridge_mlflow.translate.changes import check_new_params, tag_changes
from bridge_mlflow.translate.given import Labelled, MeasuredMetric
from bridge_mlflow.translate.refusals import Refusal


def log_metric(workspace: CalledWorkspace, run_id: str, metric: MeasuredMetric) -> None:
    rules.check_metric(metric.key, metric.value, metric.timestamp, metric.step)
    if metric.model_id is not None:
        workspace.log_model_metrics(run_id, [metric])
    point = _point(metric, "")
    workspace.tracking.log(run_id, point.key, point.value, point.timestamp, point.step, MLFLOW)


def log_batch(
    workspace: CalledWorkspace,
    run_id: str,
    metrics: Sequence[MeasuredMetric],
    params: Sequence[Labelled],
    tags: Sequence[Labelled],
    columns: PointColumns | None = None,
) -> None:
    """Log metrics, params and tags.

    Args:
        workspace: the workspace.
        run_id: the run.
        metrics: the metrics.
        params: the params.
        tags: the tags.
        columns: the metrics as valid columns, which are faster; None if they are not known to be valid.
    """
    rules.check_run_id(run_id)
    if columns is None:
        rules.check_metrics(metrics)
    new_params, new_tags = rules.checked_params(params), rules.checked_tags(tags)
    rules.check_batch_limits(len(metrics), len(new_params), len(new_tags))
    rules.check_param_keys_unique(new_params)
    points: Sequence[Point] = _points(metrics) if columns is None else columns
    if new_params or new_tags or not metrics:
        check_points(points)  # check before the writes below, so that nothing is written if a point is not valid
        check_new_params(new_params)
        values = {param.key: param.value for param in new_params}
        changes = RunChanges(params=values)
        if new_tags:
            changes = tag_changes(new_tags, workspace.plain_run(run_id), values)
        workspace.tracking.update_runs((run_id,), changes)
    if columns is None and (of_models := [metric for metric in metrics if metric.model_id is not None]):
        # The metrics of models are stored before the points: if a model does not exist, no point is stored.
        workspace.log_model_metrics(run_id, of_models)
    if len(points) == 1:
        key, value, timestamp, step, *_ = points[0]
        workspace.tracking.log(run_id, key, value, timestamp, step, MLFLOW)
    elif points:
        workspace.tracking.log_points(run_id, points, MLFLOW)


def get_metric_history(
    workspace: CalledWorkspace,
    run_id: str,
    metric_key: str,
    max_results: int | None = None,
    page_token: str | bytes | None = None,
) -> HistoryPage:
    return history.page(workspace.tracking.views, run_id, metric_key, max_results, page_token)


def get_metric_history_bulk(
    workspace: CalledWorkspace, run_ids: Iterable[str], metric_key: str, max_results: int
) -> list[RunPoints]:
    return history.bulk(workspace.tracking, run_ids, metric_key, max_results)


def get_metric_history_bulk_interval(
    workspace: CalledWorkspace,
    run_ids: Sequence[str],
    metric_key: str,
    max_results: int,
    start_step: int | None,
    end_step: int | None,
) -> list[RunPoints]:
    if (start_step is None) != (end_step is None):
        raise Refusal("Both start_step and end_step must be specified together, or neither may be specified.")
    parts = []
    for run_id in run_ids:
        found = history.by_step(history.read(workspace.tracking, run_id, metric_key))
        if start_step is not None and end_step is not None:
            found = history.between(found, start_step, end_step)
        parts.append(RunPoints(run_id, metric_key, history.sampled(found, max(1, max_results))))
    return parts


def get_metric_history_bulk_interval_from_steps(
    workspace: CalledWorkspace, run_id: str, metric_key: str, steps: Iterable[int], max_results: int
) -> list[RunPoints]:
    listed = history.at_steps(history.by_step(history.read(workspace.tracking, run_id, metric_key)), steps)
    return [RunPoints(run_id, metric_key, history.take(listed, slice(0, max_results)))]


def _points(metrics: Sequence[MeasuredMetric]) -> list[Point]:
    try:
        return [_point(metric, f"metrics[{index}]") for index, metric in enumerate(metrics)]
    except OverflowError as error:
        raise Refusal(str(error), "INTERNAL_ERROR") from error


def _point(metric: MeasuredMetric, path: str) -> Point:
    """Convert a metric to a point. The metric must have passed `check_metric`.

    `path` is the position of the metric in the request. It is part of the error message.
    """
    step: Any = metric.step
    if isinstance(step, float) and not step.is_integer():
        advice = f"metric '{metric.key}' (value={metric.value}). Step must be a valid long (64-bit integer)."
        raise Refusal(rules.invalid_value(rules.path_of(path, "step"), step, advice))
    return Point(metric.key, float(metric.value), int(metric.timestamp), int(step))
