"""Convert our records to MLflow's entities, and metrics of MLflow's clients to columns."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, cast

from mlflow.entities import (
    Dataset,
    DatasetInput,
    Experiment,
    ExperimentTag,
    InputTag,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
)

from bridge.records import run as runs
from bridge.records.experiment import ExperimentRecord
from bridge.records.point_columns import PointColumns
from bridge.records.run import RunRecord
from bridge_mlflow.metric_columns import metric_columns
from bridge_mlflow.mlflow_private import metric_fields
from bridge_mlflow.translate.shown import experiment_location, shown, shown_tags
from bridge_mlflow.translate.statuses import MLFLOW_STATUS

IN_DEFAULT_WORKSPACE: Mapping[str, Any] = (
    {"workspace": "default"} if "workspace" in inspect.signature(Experiment).parameters else {}
)
"""The argument `workspace` of MLflow's class `Experiment`, if the installed MLflow has it.

MLflow's workspaces are not those of Runbridge. Without this argument, MLflow would take the name of its workspace
from the environment variable MLFLOW_WORKSPACE.
"""


def experiment_entity(record: ExperimentRecord, artifacts: str) -> Experiment:
    """Return MLflow's entity of an experiment; `artifacts` is the URI below which the workspace stores artifacts."""
    return Experiment(
        experiment_id=record.id,
        name=record.name,
        artifact_location=experiment_location(record, artifacts),
        lifecycle_stage=record.lifecycle_stage,
        # The value of a tag can be None, as in MLflow's own store, although `ExperimentTag` declares text.
        tags=[ExperimentTag(key, cast(str, value)) for key, value in record.tags.items()],
        creation_time=record.creation_time,
        last_update_time=record.last_update_time,
        **IN_DEFAULT_WORKSPACE,
    )


def run_entity(record: RunRecord, artifact_uri: str, with_model_inputs: bool = True) -> Run:
    """Return MLflow's entity of a run. As in MLflow, the results of `search_runs` are without model inputs."""
    models = record.model_inputs if with_model_inputs else ()
    inputs = RunInputs(
        [dataset_input_entity(given) for given in record.dataset_inputs], [LoggedModelInput(model) for model in models]
    )
    outputs = RunOutputs([LoggedModelOutput(made.model_id, made.step) for made in record.model_outputs])
    return Run(run_info(record, artifact_uri), run_data(record), inputs, outputs)


def run_info(record: RunRecord, artifact_uri: str) -> RunInfo:
    """Return the attributes of a run; the start time is 0 before the run has started, because MLflow needs a number."""
    return RunInfo(
        run_id=record.id,
        experiment_id=record.experiment_id,
        user_id=record.user,
        status=MLFLOW_STATUS[record.status],
        start_time=record.start_time or 0,
        end_time=record.end_time,
        lifecycle_stage=record.lifecycle_stage,
        artifact_uri=artifact_uri,
        run_name=record.display_name,
    )


def run_data(record: RunRecord) -> RunData:
    """Return the latest points of all metrics, the params and the tags of a run."""
    latest = record.latest_metrics.items()
    data = RunData([Metric(key, shown(value), timestamp, step) for key, (value, timestamp, step) in latest])
    # `RunData` only copies params and tags from entities to dicts. The entities would take half of the time.
    data.params.update(record.params)
    data.tags.update(cast("dict[str, str]", shown_tags(record)))  # a value may be None
    return data


def dataset_input_entity(given: runs.DatasetInput) -> DatasetInput:
    """Return MLflow's entity of a dataset that a run used."""
    data = given.dataset
    return DatasetInput(
        Dataset(data.name, data.digest, data.source_type, data.source, data.schema, data.profile),
        [InputTag(key, value) for key, value in given.tags.items()],
    )


def columns_of(metrics: Sequence[Metric]) -> PointColumns | None:
    """Return metrics as columns of points; None if a metric may not be valid, or belongs to a model."""
    count = len(metrics)
    if count < 2 or list(map(type, metrics)).count(Metric) != count:
        return None
    keys, values, timestamps, steps, models = zip(*map(metric_fields, metrics), strict=True)
    return metric_columns(keys, values, timestamps, steps) if models.count(None) == count else None
