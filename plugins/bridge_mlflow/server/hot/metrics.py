"""The calls of MLflow's REST API for metrics."""

from __future__ import annotations

import math

from bridge_mlflow import metrics
from bridge_mlflow.history import RunPoints
from bridge_mlflow.server.hot import answers, messages
from bridge_mlflow.server.hot.answers import Json
from bridge_mlflow.server.hot.asking import Asked
from bridge_mlflow.server.hot.checks import (
    array,
    array_of_texts,
    integer,
    no_longer_than,
    number,
    required,
    text,
    with_fields,
    within,
)
from bridge_mlflow.server.hot.experiments import NEEDED, labels
from bridge_mlflow.server.hot.limits import PageTokens
from bridge_mlflow.server.hot.runs import run_id_of
from bridge_mlflow.server.hot.workspace import HotWorkspace
from bridge_mlflow.translate.given import Measured
from bridge_mlflow.translate.refusals import Refusal

MOST_RUNS, MOST_POINTS_OF_RUN, MOST_POINTS = 100, 2_500, 25_000

MOST_OF_PAGE = 100_000
"""The greatest number of points of a page of a history, also if a request asks for all points.

MLflow's clients then ask for the next page, because the answer has its token.
"""

LOG_METRIC = {
    "run_id": NEEDED,
    "key": NEEDED,
    "value": (required, number),
    "timestamp": (integer, required),
    "step": (integer,),
    "model_id": (text,),
    "dataset_name": (text,),
    "dataset_digest": (text,),
}
LOG_BATCH = {
    "run_id": (text, required),
    "metrics": (array, with_fields("metrics", "key", "value", "timestamp")),
    "params": (array, with_fields("params", "key")),
    "tags": (array, with_fields("tags", "key")),
}
INTERVAL = {
    "run_ids": (
        required,
        array,
        array_of_texts,
        no_longer_than(
            MOST_RUNS,
            f"GetMetricHistoryBulkInterval request must specify at most {MOST_RUNS} run_ids. Received {{}} run_ids.",
        ),
    ),
    "metric_key": NEEDED,
    "start_step": (integer,),
    "end_step": (integer,),
    "max_results": (
        integer,
        within(1, MOST_POINTS_OF_RUN, f"max_results must be between 1 and {MOST_POINTS_OF_RUN}."),
    ),
}


def log_metric(asked: Asked, workspace: HotWorkspace) -> Json:
    values = asked.values(messages.LOG_METRIC, LOG_METRIC)
    metrics.log_metric(workspace, run_id_of(values), measured(values))
    return {}


def log_batch(asked: Asked, workspace: HotWorkspace) -> Json:
    values = asked.values(messages.LOG_BATCH, LOG_BATCH)
    points = [measured(given) for given in values.get("metrics", ())]
    params, tags = labels(values.get("params")), labels(values.get("tags"))
    metrics.log_batch(workspace, values.get("run_id", ""), points, params, tags)
    return {}


def measured(given: Json) -> Measured:
    """Return a metric of a request."""
    get = given.get
    model, dataset, digest = (get(name) or None for name in ("model_id", "dataset_name", "dataset_digest"))
    return Measured(get("key", ""), get("value", 0.0), get("timestamp", 0), get("step", 0), model, dataset, digest)


def history(asked: Asked, workspace: HotWorkspace) -> Json:
    schema = {"run_id": (text, required), "metric_key": (text, required), "page_token": (text,)}
    values = asked.values(messages.HISTORY, schema)
    run_id, key, most = run_id_of(values), values.get("metric_key", ""), values.get("max_results")
    if most is not None and most <= 0:
        raise Refusal(f"Invalid value {most} for parameter 'max_results' supplied. It must be a positive integer.")
    tokens = PageTokens(workspace.stores.id, run_id, key)
    page = metrics.get_metric_history(
        workspace, run_id, key, min(most or MOST_OF_PAGE, MOST_OF_PAGE), tokens.plain(values.get("page_token"))
    )
    found = answers.some("metrics", answers.points(key, page.points))
    return answers.with_token(found, tokens.marked(page.token))


def history_bulk(asked: Asked, workspace: HotWorkspace) -> Json:
    arguments = asked.arguments()
    run_ids = arguments.get("run_id", [])
    if not run_ids:
        raise Refusal("GetMetricHistoryBulk request must specify at least one run_id.")
    if len(run_ids) > MOST_RUNS:
        raise Refusal(
            f"GetMetricHistoryBulk request cannot specify more than {MOST_RUNS} run_ids. "
            f"Received {len(run_ids)} run_ids."
        )
    if "metric_key" not in arguments:
        raise Refusal("GetMetricHistoryBulk request must specify a metric_key.")
    given = arguments.get("max_results", [str(MOST_POINTS)])[0]
    try:
        most = min(int(given), MOST_POINTS)
    except ValueError:
        most = -1
    if most < 0:
        raise Refusal(f"Invalid value '{given}' for parameter 'max_results' supplied. It must be an integer from 0 on.")
    asked.check({"run_ids": run_ids})
    found = metrics.get_metric_history_bulk(workspace, run_ids, arguments["metric_key"][0], most)
    return {"metrics": _points_of(found)}


def history_interval(asked: Asked, workspace: HotWorkspace) -> Json:
    values = asked.values(messages.INTERVAL, INTERVAL)
    arguments = asked.arguments()
    start, end = (_step(arguments.get(name)) for name in ("start_step", "end_step"))
    if (start is None) != (end is None):
        raise Refusal("If either start step or end step are specified, both must be specified.")
    if start is not None and end is not None and start > end:
        raise Refusal(f"end_step must be greater than start_step. Found start_step={start} and end_step={end}.")
    most = int(arguments.get("max_results", [str(MOST_POINTS_OF_RUN)])[0])
    run_ids, key = values.get("run_ids", []), values.get("metric_key", "")
    found = metrics.get_metric_history_bulk_interval(workspace, run_ids, key, most, start, end)
    return answers.some("metrics", _points_of(found))


def _step(given: list[str] | None) -> int | None:
    if given is None:
        return None
    try:
        return int(given[0])
    except ValueError:
        raise Refusal(f"Invalid step '{given[0]}': it must be an integer.") from None


def _points_of(parts: list[RunPoints]) -> list[Json]:
    return [point for part in parts for point in answers.points(part.key, part.points, part.run_id)]


def with_bare_nan(answer: Json) -> Json:
    """Return the points of `history_bulk` with NaN as a number, as MLflow's server sends it there."""
    for point in answer["metrics"]:
        if point["value"] == "NaN":
            point["value"] = math.nan
    return answer
