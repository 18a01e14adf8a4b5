"""The experiments and runs of a memory store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bridge.errors import InvalidState, NotFound, ParamChanged
from bridge.records.experiment import ExperimentRecord, LifecycleStage
from bridge.records.run import Dataset, DatasetInput, RunRecord
from bridge.records.series import COLUMN, SCALAR, Definition
from bridge.testing.oracle.series import MemoryMetric, MemoryPoint, MemorySeries

CONTEXT_TAG = "mlflow.data.context"


@dataclass(slots=True)
class MemoryExperiment:
    record: ExperimentRecord
    runs: int = 0
    datasets: dict[tuple[str, str], Dataset] = field(default_factory=dict)
    past_uses: set[tuple[str, str, str | None]] = field(default_factory=set)


@dataclass(slots=True)
class MemoryRun:
    """The record of a run without its latest values, and the points of the run."""

    record: RunRecord
    metrics: dict[str, MemoryMetric] = field(default_factory=dict)
    series: dict[Definition, MemorySeries] = field(default_factory=dict)


def new_run(record: RunRecord, experiment: MemoryExperiment) -> MemoryRun:
    """Return a new run of an experiment, with the next run number."""
    experiment.runs += 1
    return MemoryRun(
        replace(
            record,
            number=experiment.runs,
            lifecycle_stage="active",
            deletion_time=None,
            params=dict(record.params),
            tags=dict(record.tags),
            properties=dict(record.properties),
            latest={},
            latest_texts={},
            latest_columns={},
            dataset_inputs=with_inputs((), record.dataset_inputs, experiment),
            model_inputs=tuple(dict.fromkeys(record.model_inputs)),
            model_outputs=tuple(dict.fromkeys(record.model_outputs)),
            warnings=(),
        )
    )


def add_point(run: MemoryRun, definition: Definition, point: MemoryPoint) -> None:
    """Append a point to a run."""
    metric = run.metrics.setdefault(definition.key, MemoryMetric())
    series = run.series.setdefault(definition, MemorySeries())
    series.add(metric.place(point))


def warn(run: MemoryRun, sentence: str) -> None:
    """Add a warning to a run, unless the run already has it."""
    run.record = replace(run.record, warnings=tuple(dict.fromkeys((*run.record.warnings, sentence))))


def move_run(run: MemoryRun, stage: LifecycleStage, deletion_time: int | None) -> None:
    """Move a run to a lifecycle stage, unless it has that stage."""
    if run.record.lifecycle_stage != stage:
        run.record = replace(run.record, lifecycle_stage=stage, deletion_time=deletion_time)


def with_tags(
    old: Mapping[str, str | None], new: Mapping[str, str | None], removed: Iterable[str], owner: str
) -> dict[str, str | None]:
    """Return the tags of a run or experiment without those in `removed`, and with those in `new`."""
    tags = dict(old)
    for key in removed:
        if key not in tags:
            raise NotFound("tag", key, f"{owner} does not have it")
        del tags[key]
    return {**tags, **new}


def with_params(record: RunRecord, new: Mapping[str, str]) -> dict[str, str]:
    """Return the params of a run together with those in `new`."""
    old = record.params
    changed = tuple((key, old[key], value) for key, value in new.items() if old.get(key, value) != value)
    if changed:
        raise ParamChanged(record.id, changed)
    return {**old, **new}


def with_properties(record: RunRecord, new: Mapping[str, str]) -> dict[str, str]:
    """Return the properties of a run together with those in `new`."""
    old = record.properties
    for key, value in new.items():
        if old.get(key, value) != value:
            raise InvalidState("property", key, f"{old[key]!r} for run {record.id}", f"{value!r} or not set")
    return {**old, **new}


def with_inputs(
    old: Sequence[DatasetInput], new: Iterable[DatasetInput], experiment: MemoryExperiment
) -> tuple[DatasetInput, ...]:
    """Return the inputs of a run together with those in `new`.

    If a run of the experiment has already used a data set with the same name and digest, the new input refers to that
    data set, and the other fields of the new one are ignored.
    """
    inputs = {(used.dataset.name, used.dataset.digest): used for used in old}
    for used in new:
        name = used.dataset.name, used.dataset.digest
        dataset = experiment.datasets.setdefault(name, used.dataset)
        inputs.setdefault(name, DatasetInput(dataset, dict(used.tags)))
    return tuple(inputs.values())


def uses_of(record: RunRecord) -> set[tuple[str, str, str | None]]:
    """Return the data sets that a run used, as tuples (name, digest, context)."""
    return {(used.dataset.name, used.dataset.digest, used.tags.get(CONTEXT_TAG)) for used in record.dataset_inputs}


def copy_of_experiment(record: ExperimentRecord) -> ExperimentRecord:
    """Return a copy of a record. The copy shares no mapping with the record."""
    return replace(record, tags=dict(record.tags))


def copy_of_run(run: MemoryRun) -> RunRecord:
    """Return a copy of the record of a run, with latest values. The copy shares no mapping with the stored record."""
    record = run.record
    scalars = [(of, series) for of, series in run.series.items() if of.kind == SCALAR]
    columns = [(of, series) for of, series in run.series.items() if of.kind == COLUMN]
    return replace(
        record,
        params=dict(record.params),
        tags=dict(record.tags),
        properties=dict(record.properties),
        latest={of.key: series.latest() for of, series in scalars if of.value_type == "number"},
        latest_texts={of.key: series.latest_text() for of, series in scalars if of.value_type == "text"},
        latest_columns={(of.key, of.column): series.latest() for of, series in columns if of.value_type == "number"},
        dataset_inputs=tuple(DatasetInput(used.dataset, dict(used.tags)) for used in record.dataset_inputs),
    )
