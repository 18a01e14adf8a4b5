"""The one place where MLflow's words and ours meet: entities, statuses, tags and errors."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ParamSpec, TypeVar, cast

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
    ViewType,
)
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    BAD_REQUEST,
    INTERNAL_ERROR,
    INVALID_PARAMETER_VALUE,
    INVALID_STATE,
    NOT_IMPLEMENTED,
    PERMISSION_DENIED,
    RESOURCE_ALREADY_EXISTS,
    RESOURCE_DOES_NOT_EXIST,
    TEMPORARILY_UNAVAILABLE,
    UNAUTHENTICATED,
)

from bridge import errors
from bridge.records import run as runs
from bridge.records.experiment import ExperimentRecord
from bridge.records.run import RunChanges, RunRecord, Status
from bridge.records.search import View
from bridge.records.series import BIG

P = ParamSpec("P")
R = TypeVar("R")

RUN_NAME, NOTE, PARENT_RUN_ID = "mlflow.runName", "mlflow.note.content", "mlflow.parentRunId"

ATTRIBUTE_OF_TAG = {RUN_NAME: "display_name", NOTE: "description", PARENT_RUN_ID: "parent_id"}
"""MLflow's tags that are attributes of a run here: split off when written, put back when read."""

TAGS_OF_THE_HOST = frozenset({"mlflow.user", "mlflow.source.name"})
"""MLflow's client sets them to names that the host gives; source: MLflow 3.17.2, `mlflow.tracking.context`."""

MLFLOW_STATUS: Mapping[Status, str] = {
    "NotStarted": "SCHEDULED",
    "Queued": "SCHEDULED",
    "Preparing": "SCHEDULED",
    "Provisioning": "SCHEDULED",
    "Starting": "SCHEDULED",
    "Unapproved": "SCHEDULED",
    "Running": "RUNNING",
    "NotResponding": "RUNNING",
    "Pausing": "RUNNING",
    "Paused": "RUNNING",
    "CancelRequested": "RUNNING",
    "Finalizing": "RUNNING",
    "Completed": "FINISHED",
    "Failed": "FAILED",
    "Canceled": "KILLED",
}

NATIVE_STATUS: Mapping[int, Status] = {1: "Running", 2: "NotStarted", 3: "Completed", 4: "Failed", 5: "Canceled"}
"""By MLflow's numbers; source: MLflow 3.17.2, `mlflow.entities.RunStatus`."""

ERROR_CODES: Mapping[type[errors.BridgeError], int] = {
    errors.InvalidValue: INVALID_PARAMETER_VALUE,
    errors.NotAuthenticated: UNAUTHENTICATED,
    errors.NotAllowed: PERMISSION_DENIED,
    errors.NotFound: RESOURCE_DOES_NOT_EXIST,
    errors.AlreadyExists: RESOURCE_ALREADY_EXISTS,
    errors.InvalidState: INVALID_STATE,
    errors.ParamChanged: INVALID_PARAMETER_VALUE,
    errors.SchemaMismatch: INTERNAL_ERROR,
    errors.SubmitFailed: INTERNAL_ERROR,
    errors.StoreUnavailable: TEMPORARILY_UNAVAILABLE,
}

IN_DEFAULT_WORKSPACE: Mapping[str, Any] = (
    {"workspace": "default"} if "workspace" in inspect.signature(Experiment).parameters else {}
)
"""Without it an experiment would say that it is in the workspace of MLflow's that MLFLOW_WORKSPACE names."""

VIEWS: Mapping[int, View] = {ViewType.ACTIVE_ONLY: "active", ViewType.DELETED_ONLY: "deleted", ViewType.ALL: "all"}


# Errors


def translated(method: Callable[P, R]) -> Callable[P, R]:
    """The same function, with our errors as MLflow's.

    Keyword arguments that it does not know are those of a later MLflow: what says nothing (None, False, empty) is left
    out, and anything else is refused, for an answer that passes over it would be a wrong one.
    """
    parameters = inspect.signature(method).parameters.values()
    known = None if any(one.kind == one.VAR_KEYWORD for one in parameters) else {one.name for one in parameters}

    @functools.wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if known is not None and not kwargs.keys() <= known:
            for name in kwargs.keys() - known:
                if kwargs.pop(name):
                    said = f"{method.__name__}() has no argument {name!r} here; leave it out or upgrade runbridge."
                    raise MlflowException(said, NOT_IMPLEMENTED)
        try:
            return method(*args, **kwargs)
        except errors.BridgeError as error:
            raise mlflow_error(error) from error

    return call


def mlflow_error(error: errors.BridgeError) -> MlflowException:
    """The exception that MLflow's own store raises for the same mistake, word for word where clients match on it."""
    code = ERROR_CODES.get(type(error), INTERNAL_ERROR)
    sentence = error.sentence
    if isinstance(error, errors.NotFound):
        if error.kind == "run":
            sentence = f"Run with id={error.name} not found"
        elif error.kind == "experiment":
            sentence = f"No Experiment with id={error.name} exists"
    elif isinstance(error, errors.ParamChanged):
        clashes = [{"key": key, "old_value": old, "new_value": new} for key, old, new in error.changes]
        said = f"Params were already logged='{clashes}' for run ID='{error.run_id}'."
        sentence = f"Changing param values is not allowed. {said}"
    elif isinstance(error, errors.InvalidState) and error.state == "deleted":
        code = INVALID_PARAMETER_VALUE
        sentence = f"The {error.kind} {error.name} must be in the 'active' state. Current state is deleted."
    elif isinstance(error, errors.AlreadyExists) and error.kind == "experiment":
        sentence = f"Experiment(name={error.name}) already exists. Error: {error.sentence}"
    return MlflowException(sentence, code)


def changed_param_error(error: errors.ParamChanged) -> MlflowException:
    """What MLflow says when one param, logged by itself, would change."""
    key, old, new = error.changes[0]
    return MlflowException(
        f"Changing param values is not allowed. Param with key='{key}' was already logged with value='{old}'"
        f" for run ID='{error.run_id}'. Attempted logging new value '{new}'.",
        INVALID_PARAMETER_VALUE,
    )


def name_taken_error(name: str) -> MlflowException:
    """What MLflow answers when an experiment would be renamed to a name that is taken."""
    return MlflowException(f"Experiment(name={name}) already exists.", BAD_REQUEST)


def missing_tag_error(key: str, of: str) -> MlflowException:
    """What MLflow says when a tag to be deleted is not there; `of` is `run` or `experiment` with its id."""
    return MlflowException(f"No tag with name: {key} in {of}", RESOURCE_DOES_NOT_EXIST)


def invalid_path_error(path: str) -> MlflowException:
    """What MLflow says to an artifact path that leaves its place."""
    return invalid(f"Invalid path: {path!r} is no path below the artifact directory")


def path_outside_error() -> MlflowException:
    """What MLflow says when a folder to be listed lies outside the artifacts that it belongs to."""
    return invalid("Invalid path: resolved path is outside the artifact directory")


def missing_artifact_error(path: str) -> MlflowException:
    """What MLflow says when there is no file at a path."""
    return MlflowException(f"No such artifact: '{path}'", RESOURCE_DOES_NOT_EXIST)


def invalid(sentence: str) -> MlflowException:
    """A mistake of the caller."""
    return MlflowException(sentence, INVALID_PARAMETER_VALUE)


# Ids, statuses and views


def experiment_id_of(given: str | int | None) -> str:
    """An experiment id in our spelling.

    Source: MLflow 3.17.2, `mlflow.utils.validation._parse_experiment_id`.

    Raises:
        MlflowException: it is none, for None and the empty text too: nobody deletes experiment 0 by accident.
    """
    try:
        return str(int(given))  # type: ignore[arg-type]  # None is refused below
    except (ValueError, TypeError, OverflowError) as error:
        raise invalid(f"Invalid experiment ID '{given}'. Experiment ID must be a valid integer.") from error


def experiment_id_or_default(given: str | int | None) -> str:
    """The same, where None and the empty text mean 0.

    Source: MLflow 3.17.2, `SqlAlchemyStore._get_experiment`.
    """
    return experiment_id_of(given or 0)


def native_status(number: int, now: Status) -> Status | None:
    """The status that a number of MLflow asks for, or None when the run has one already that MLflow shows as that."""
    status = NATIVE_STATUS.get(number)
    if status is None:
        sentence = f"Could not get string corresponding to run status {number}. Valid run statuses: {[*NATIVE_STATUS]}"
        raise MlflowException(sentence, INTERNAL_ERROR)
    return None if MLFLOW_STATUS[now] == MLFLOW_STATUS[status] else status


# Entities, from ours to MLflow's


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


# What MLflow's clients write, as ours


def new_run(
    run_id: str, experiment_id: str, user: str, start_time: int, tags: Sequence[RunTag], name: str
) -> RunRecord:
    """The record of a run that MLflow makes: running, under a name."""
    plain, attributes = split_tags(tags, run_id)
    return RunRecord(
        id=run_id,
        experiment_id=experiment_id,
        display_name=name,
        status="Running",
        start_time=start_time,
        description=attributes.get("description") or None,
        user=user,
        parent_id=attributes.get("parent_id") or None,
        tags=plain,
    )


def check_new_tags(tags: Sequence[RunTag]) -> None:
    """Refuse what MLflow's database refuses of a new run's tags: a key that is none, and one key twice.

    Raises:
        MlflowException: as there, with the code BAD_REQUEST.
    """
    keys = [tag.key for tag in tags]
    if None in keys:
        raise MlflowException("A tag of the new run has no key; give each tag one.", BAD_REQUEST)
    if twice := [key for key in dict.fromkeys(keys) if keys.count(key) > 1]:
        raise MlflowException(f"The tags of the new run have a key twice, {twice[0]!r}; give each once.", BAD_REQUEST)


def spelled_tags(tags: Iterable[RunTag]) -> list[RunTag]:
    """Tags in which the names that a host gives can be spelled: a user or a script may have one that is not UTF-8."""
    return [RunTag(tag.key, spelled(tag.value)) if tag.key in TAGS_OF_THE_HOST else tag for tag in tags]


def spelled(name: Any) -> Any:
    """A name in which `\\udcff` or the like stands for what UTF-8 cannot spell; what is no text stays."""
    return name.encode(errors="backslashreplace").decode() if isinstance(name, str) else name


def check_models(model_ids: Iterable[str | None]) -> None:
    """Refuse what MLflow's database refuses of models that a run used or made: an id that is none.

    Raises:
        MlflowException: as there, with the code BAD_REQUEST.
    """
    if None in model_ids:
        raise MlflowException("A model of the run has no id; give each model one.", BAD_REQUEST)


def check_new_params(params: Iterable[Param]) -> None:
    """Refuse what MLflow's database refuses of params: a value that is none.

    Raises:
        MlflowException: as there, with the code BAD_REQUEST.
    """
    for param in params:
        if param.value is None:
            raise MlflowException(f"The param {param.key!r} has no value; give it a text.", BAD_REQUEST)


def split_tags(tags: Iterable[RunTag], run_id: str) -> tuple[dict[str, str | None], dict[str, str]]:
    """Tags that stay tags, and attributes of the run that MLflow keeps as tags.

    An empty name changes nothing, as in MLflow, and a run is not its own parent: it was attached to, not started.
    """
    plain: dict[str, str | None] = {}
    attributes: dict[str, str] = {}
    for tag in tags:
        if tag.key not in ATTRIBUTE_OF_TAG:
            plain[tag.key] = tag.value
        elif (tag.key != RUN_NAME or tag.value) and not (tag.key == PARENT_RUN_ID and tag.value == run_id):
            attributes[ATTRIBUTE_OF_TAG[tag.key]] = tag.value or ""
    return plain, attributes


def tag_changes(tags: Iterable[RunTag], record: RunRecord, params: Mapping[str, str] | None = None) -> RunChanges:
    """The changes that setting tags, and params with them, makes to a run.

    Raises:
        MlflowException: a tag would hide a property, which is set once.
    """
    plain, attributes = split_tags(tags, record.id)
    if fixed := [key for key in plain if key in record.properties]:
        raise invalid(f"The tag {fixed[0]!r} of run {record.id} is a property, which is set once; choose another key.")
    return replace(_attribute_changes(attributes), tags=plain, params=params or {})


def _attribute_changes(attributes: Mapping[str, str]) -> RunChanges:
    get = attributes.get
    return RunChanges(display_name=get("display_name"), description=get("description"), parent_id=get("parent_id"))


def removed_tag(record: RunRecord, key: str) -> RunChanges:
    """The changes that deleting a tag makes to a run.

    Raises:
        MlflowException: the tag is not there, or is what a run always has.
    """
    if key == RUN_NAME:
        raise invalid("The tag mlflow.runName is the run's name, which it always has; set another one instead.")
    if key in ATTRIBUTE_OF_TAG and key in attribute_tags(record):
        return _attribute_changes({ATTRIBUTE_OF_TAG[key]: ""})
    if key not in record.tags:
        raise missing_tag_error(key, f"run with id {record.id}")
    return RunChanges(removed_tags=(key,))


def native_dataset_inputs(given: Iterable[DatasetInput]) -> tuple[runs.DatasetInput, ...]:
    """Data sets that a run used; of equal ones (name, digest) the first stays."""
    found: dict[tuple[str, str], runs.DatasetInput] = {}
    for one in given:
        data = one.dataset
        mine = runs.Dataset(data.name, data.digest, data.source_type, data.source, data.schema, data.profile)
        tags = {tag.key: tag.value for tag in one.tags}
        found.setdefault((data.name, data.digest), runs.DatasetInput(mine, tags))
    return tuple(found.values())
