"""The answers of MLflow's REST API: records as the objects that protobuf makes of MLflow's messages.

A field that is not set is absent, and so is an empty list.

Source: MLflow 3.17.2, the methods `to_proto` of `mlflow.entities`, and `mlflow.utils.proto_json_utils`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from bridge.records.experiment import ExperimentRecord
from bridge.records.run import DatasetInput, RunRecord
from bridge.records.series import Series
from bridge_mlflow.translate.shown import shown, shown_tags
from bridge_mlflow.translate.statuses import MLFLOW_STATUS

Json = dict[str, Any]


def experiment(record: ExperimentRecord, location: str) -> Json:
    """Return an experiment whose artifacts are stored below `location`."""
    answer = {
        "experiment_id": record.id,
        "name": record.name,
        "artifact_location": location,
        "lifecycle_stage": record.lifecycle_stage,
        "workspace": "default",
        "creation_time": record.creation_time or None,
        "last_update_time": record.last_update_time or None,
        "tags": _labels(record.tags),
    }
    return _set_fields(answer)


def run(record: RunRecord, artifact_uri: str, with_model_inputs: bool = True) -> Json:
    """Return a run. In MLflow, the results of a search are without model inputs."""
    models = record.model_inputs if with_model_inputs else ()
    inputs = {
        "dataset_inputs": [_dataset_input(given) for given in record.dataset_inputs],
        "model_inputs": [{"model_id": model} for model in models],
    }
    outputs = {"model_outputs": [{"model_id": made.model_id, "step": made.step} for made in record.model_outputs]}
    return {
        "info": run_info(record, artifact_uri),
        "data": _run_data(record),
        "inputs": _set_fields(inputs),
        "outputs": _set_fields(outputs),
    }


def new_run(record: RunRecord, artifact_uri: str) -> Json:
    """Return a run that was just created, which has no outputs."""
    answer = run(record, artifact_uri)
    del answer["outputs"]
    return answer


def run_info(record: RunRecord, artifact_uri: str) -> Json:
    """Return the attributes of a run."""
    answer = {
        "run_id": record.id,
        "run_uuid": record.id,
        "run_name": record.display_name,
        "experiment_id": record.experiment_id,
        "user_id": record.user,
        "status": MLFLOW_STATUS[record.status],
        "start_time": record.start_time or 0,
        "end_time": record.end_time or None,
        "artifact_uri": artifact_uri or None,
        "lifecycle_stage": record.lifecycle_stage,
    }
    return _set_fields(answer)


def _run_data(record: RunRecord) -> Json:
    metrics = [
        {"key": key, "value": double(shown(value)), "timestamp": timestamp, "step": step}
        for key, (value, timestamp, step) in record.latest_metrics.items()
    ]
    return _set_fields({"metrics": metrics, "params": _labels(record.params), "tags": _labels(shown_tags(record))})


def points(key: str, series: Series, run_id: str | None = None) -> list[Json]:
    """Return points of a metric, with the id of their run if it is given."""
    rows = zip(map(double, series.values.tolist()), series.timestamps.tolist(), series.steps.tolist(), strict=True)
    of_run = {} if run_id is None else {"run_id": run_id}
    return [{"key": key, "value": value, "timestamp": time, "step": step, **of_run} for value, time, step in rows]


def dataset_summary(experiment_id: str, name: str, digest: str, context: str | None) -> Json:
    """Return a data set that runs of an experiment used."""
    return _set_fields({"experiment_id": experiment_id, "name": name, "digest": digest, "context": context or None})


def double(value: float) -> float | str:
    """Return a number as JSON has it: NaN as text."""
    return "NaN" if math.isnan(value) else value


def _dataset_input(given: DatasetInput) -> Json:
    data = given.dataset
    dataset = {
        "name": data.name,
        "digest": data.digest,
        "source_type": data.source_type,
        "source": data.source,
        "schema": data.schema or None,
        "profile": data.profile or None,
    }
    return _set_fields({"tags": _labels(given.tags), "dataset": _set_fields(dataset)})


def _labels(labels: Mapping[str, str | None]) -> list[Json]:
    return [{"key": key} if value is None else {"key": key, "value": value} for key, value in labels.items()]


def _set_fields(answer: Mapping[str, Any]) -> Json:
    """Return the fields that are neither None nor an empty list."""
    return {name: value for name, value in answer.items() if value is not None and value != []}


def with_token(answer: Json, token: str | bytes | None) -> Json:
    """Return an answer with the token of the next page, if there is one."""
    if token:
        answer["next_page_token"] = token.decode() if isinstance(token, bytes) else token
    return answer


def some(name: str, items: Iterable[Json]) -> Json:
    """Return an answer with a list, or without it if it is empty."""
    return _set_fields({name: list(items)})
