"""The quick paths: many points, or one, from the bytes of a request into the journal.

They accept only what is certainly valid. The slow paths read everything else again, and answer as MLflow does.
"""

from __future__ import annotations

from operator import itemgetter
from typing import Any

import orjson

from bridge.records.point_columns import PointColumns
from bridge.records.series import MLFLOW
from bridge.store.points import has_valid_times
from bridge_mlflow.metric_columns import metric_columns
from bridge_mlflow.rules import BATCH_METRICS, RUN_ID_LINE
from bridge_mlflow.server.hot.answers import Json
from bridge_mlflow.server.hot.asking import JSON_TYPE
from bridge_mlflow.server.hot.workspace import HotWorkspace

BATCH_FIELDS = frozenset({"run_id", "metrics", "params", "tags"})
METRIC_FIELDS = frozenset({"key", "value", "timestamp", "step"})
LOG_METRIC_FIELDS = METRIC_FIELDS | {"run_id", "run_uuid"}
LARGEST = float(2**63)
"""orjson reads an integer beyond 64 bits as a float. A value of this size may be one, and is read again."""

fields_of_metric = itemgetter("key", "value", "timestamp", "step")


def points_of_batch(body: bytes) -> tuple[str, PointColumns] | None:
    """Return the run id and the points of a request to log points; None if it needs the slow path."""
    given = _object(body)
    if given is None or not given.keys() <= BATCH_FIELDS or given.get("params") or given.get("tags"):
        return None
    run_id, metrics = given.get("run_id"), given.get("metrics")
    if not isinstance(run_id, str) or not isinstance(metrics, list) or not 1 < len(metrics) <= BATCH_METRICS:
        return None
    if not RUN_ID_LINE.match(run_id):
        return None
    try:
        keys, values, timestamps, steps = zip(*map(fields_of_metric, metrics), strict=True)
    except (KeyError, TypeError):
        return None
    if sum(map(len, metrics)) != len(metrics) * len(METRIC_FIELDS):  # a metric has other fields, too
        return None
    columns = metric_columns(keys, _floats(values), timestamps, steps)
    return None if columns is None or not _is_moderate(values) else (run_id, columns)


def log_quickly(run_id: str, points: PointColumns, workspace: HotWorkspace) -> bool:
    """Log points, if the journal already has their series; else return False."""
    if not has_valid_times(points):
        return False
    return workspace.tracking.quick_log_columns(run_id, points, MLFLOW)


def log_points(run_id: str, points: PointColumns, workspace: HotWorkspace) -> Json:
    """Log points, and return the answer."""
    workspace.tracking.log_points(run_id, points, MLFLOW)
    return {}


def log_metric(body: bytes, workspace: HotWorkspace) -> bool:
    """Log the point of a request, if the journal already has the series; else return False."""
    given = _object(body)
    if given is None or not given.keys() <= LOG_METRIC_FIELDS:
        return False
    get = given.get
    run_id, key, value, timestamp, step = get("run_id"), get("key"), get("value"), get("timestamp"), get("step", 0)
    if type(value) is int:
        value = float(value)
    if type(timestamp) is not int or timestamp < 0 or type(step) is not int or type(value) is not float:
        return False
    if not isinstance(run_id, str) or not isinstance(key, str) or not -LARGEST < value < LARGEST:
        return False
    return workspace.tracking.quick_log(run_id, key, value, timestamp, step, MLFLOW)


def is_json(content_type: str | None) -> bool:
    """Return whether a request has the type that the quick paths accept."""
    return content_type == JSON_TYPE or content_type == f"{JSON_TYPE}; charset=utf-8"


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return given if isinstance(given, dict) else None


def _floats(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the values as floats, if they are floats and integers."""
    kinds = set(map(type, values))
    return tuple(map(float, values)) if kinds <= {int, float} and int in kinds else values


def _is_moderate(values: tuple[Any, ...]) -> bool:
    return bool(-LARGEST < min(values) and max(values) < LARGEST)
