"""Our records as MLflow's entities."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
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
    Param,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
    RunTag,
)

from bridge.records import run as runs
from bridge.records.experiment import ExperimentRecord
from bridge.records.run import RunRecord
from bridge.records.series import BIG
from bridge_mlflow.translate.statuses import MLFLOW_STATUS

RUN_NAME, NOTE, PARENT_RUN_ID = "mlflow.runName", "mlflow.note.content", "mlflow.parentRunId"

ATTRIBUTE_OF_TAG = {RUN_NAME: "display_name", NOTE: "description", PARENT_RUN_ID: "parent_id"}
"""MLflow's tags that are attributes of a run here: split off when written, put back when read."""

IN_DEFAULT_WORKSPACE: Mapping[str, Any] = (
    {"workspace": "default"} if "workspace" in inspect.signature(Experiment).parameters else {}
)
"""Without it an experiment would say that it is in the workspace of MLflow's that MLFLOW_WORKSPACE names."""


def experiment_entity(record: ExperimentRecord, artifacts: str) -> Experiment:
    """An experiment as MLflow's clients know it; `artifacts` is the URI below which the workspace's artifacts lie."""
    return Experiment(
        experiment_id=record.id,
        name=record.name,
        artifact_location=experiment_location(record, artifacts),
        lifecycle_stage=record.lifecycle_stage,
        # MLflow's own store keeps and gives None as well, whatever the annotation says.
        tags=[ExperimentTag(key, cast(str, value)) for key, value in record.tags.items()],
        creation_time=record.creation_time,
        last_update_time=record.last_update_time,
        **IN_DEFAULT_WORKSPACE,
    )


def experiment_location(record: ExperimentRecord, artifacts: str) -> str:
    """Where the artifacts of an experiment lie: a place of its own, or below the workspace's."""
    return record.artifact_location or f"{artifacts}/{record.id}"


def run_entity(record: RunRecord, artifact_uri: str, with_model_inputs: bool = True) -> Run:
    """A run as MLflow's clients know it; what `search_runs` gives leaves model inputs out."""
    models = record.model_inputs if with_model_inputs else ()
    inputs = RunInputs(
        [dataset_input_entity(given) for given in record.dataset_inputs], [LoggedModelInput(model) for model in models]
    )
    outputs = RunOutputs([LoggedModelOutput(made.model_id, made.step) for made in record.model_outputs])
    return Run(run_info(record, artifact_uri), run_data(record), inputs, outputs)


def run_info(record: RunRecord, artifact_uri: str) -> RunInfo:
    """The short part of a run; one that has not started yet shows 0 as its start, for MLflow wants a number."""
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
    """The metrics' latest points, params and tags of a run."""
    return RunData(
        [Metric(key, shown(point.value), point.timestamp, point.step) for key, point in record.latest_metrics.items()],
        [Param(key, value) for key, value in record.params.items()],
        [RunTag(key, cast(str, value)) for key, value in shown_tags(record).items()],  # None too, as above
    )


def shown(value: float) -> float:
    """A metric's value as MLflow shows it: ±inf as ±1.797e308, -0.0 as 0.0."""
    return value if value != value else max(-BIG, min(BIG, value)) + 0.0


def shown_tags(record: RunRecord) -> dict[str, str | None]:
    """The tags that MLflow sees: a tag that was set wins over an attribute, a property or a text shown as one."""
    tags = dict(record.tags)
    for key, value in attribute_tags(record).items():
        tags[key] = value
    for key, value in record.properties.items():
        tags.setdefault(key, value)
    for key, text in record.latest_texts.items():
        tags.setdefault(key, str(text))
    return tags


def attribute_tags(record: RunRecord) -> dict[str, str]:
    """The attributes of a run that MLflow keeps as tags."""
    values = {RUN_NAME: record.display_name, NOTE: record.description, PARENT_RUN_ID: record.parent_id}
    return {key: value for key, value in values.items() if value}


def dataset_input_entity(given: runs.DatasetInput) -> DatasetInput:
    """A data set that a run used, as MLflow's clients know it."""
    data = given.dataset
    return DatasetInput(
        Dataset(data.name, data.digest, data.source_type, data.source, data.schema, data.profile),
        [InputTag(key, value) for key, value in given.tags.items()],
    )
