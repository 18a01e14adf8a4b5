"""What MLflow's clients write, as new records and changes of ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mlflow.entities import DatasetInput, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST

from bridge.records import run as runs
from bridge.records.run import RunChanges, RunRecord
from bridge_mlflow.translate.entities import ATTRIBUTE_OF_TAG, PARENT_RUN_ID, RUN_NAME, attribute_tags
from bridge_mlflow.translate.errors import invalid, missing_tag_error

TAGS_OF_THE_HOST = frozenset({"mlflow.user", "mlflow.source.name"})
"""MLflow's client sets them to names that the host gives; source: MLflow 3.17.2, `mlflow.tracking.context`."""


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
