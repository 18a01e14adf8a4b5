"""Check runs, tags, params and datasets of MLflow's clients as MLflow does, and convert them to records and changes.

This module does not import MLflow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bridge.records import run as runs
from bridge.records.run import RunChanges, RunRecord
from bridge_mlflow.translate.given import Label, Labelled
from bridge_mlflow.translate.refusals import Refusal, missing_tag
from bridge_mlflow.translate.shown import ATTRIBUTE_OF_TAG, PARENT_RUN_ID, RUN_NAME, attribute_tags

TAGS_OF_THE_HOST = frozenset({"mlflow.user", "mlflow.source.name"})
"""Tags whose values MLflow's client takes from the host. Source: MLflow 3.17.2, `mlflow.tracking.context`."""


def new_run(
    run_id: str, experiment_id: str, user: str, start_time: int, tags: Sequence[Labelled], name: str
) -> RunRecord:
    """Return the record of a new run, which is Running and has a name."""
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


def check_new_tags(tags: Sequence[Labelled]) -> None:
    """Refuse tags of a new run that MLflow's database refuses: a key that is None, and a repeated key.

    Raises:
        Refusal: BAD_REQUEST, as in MLflow.
    """
    keys = [tag.key for tag in tags]
    if None in keys:
        raise Refusal("A tag of the new run has no key; give each tag a key.", "BAD_REQUEST")
    if twice := [key for key in dict.fromkeys(keys) if keys.count(key) > 1]:
        raise Refusal(f"Several tags of the new run have the key {twice[0]!r}; give each key once.", "BAD_REQUEST")


def spelled_tags(tags: Iterable[Labelled]) -> list[Labelled]:
    """Return the tags.

    In `mlflow.user` and `mlflow.source.name`, characters that UTF-8 cannot encode are replaced by escapes.
    """
    return [Label(tag.key, spelled(tag.value)) if tag.key in TAGS_OF_THE_HOST else tag for tag in tags]


def spelled(name: Any) -> Any:
    """Replace the characters of a name that UTF-8 cannot encode by escapes such as `\\udcff`.

    Other values are returned unchanged.
    """
    return name.encode(errors="backslashreplace").decode() if isinstance(name, str) else name


def check_models(model_ids: Iterable[str | None]) -> None:
    """Refuse a model without an id, because MLflow's database refuses it.

    Raises:
        Refusal: BAD_REQUEST, as in MLflow.
    """
    if None in model_ids:
        raise Refusal("A model of the run has no id; give each model an id.", "BAD_REQUEST")


def check_new_params(params: Iterable[Labelled]) -> None:
    """Refuse a param without a value, because MLflow's database refuses it.

    Raises:
        Refusal: BAD_REQUEST, as in MLflow.
    """
    for param in params:
        if param.value is None:
            raise Refusal(f"The param {param.key!r} has no value; give it a text.", "BAD_REQUEST")


def split_tags(tags: Iterable[Labelled], run_id: str) -> tuple[dict[str, str | None], dict[str, str]]:
    """Split the tags of an MLflow client into tags and attributes of our run record.

    An empty run name is dropped, as in MLflow. A parent id that is equal to the run's own id is dropped too. MLflow's
    client sends such a parent id when a process that already belongs to the run resumes the run.
    """
    plain: dict[str, str | None] = {}
    attributes: dict[str, str] = {}
    for tag in tags:
        if tag.key not in ATTRIBUTE_OF_TAG:
            plain[tag.key] = tag.value
        elif (tag.key != RUN_NAME or tag.value) and not (tag.key == PARENT_RUN_ID and tag.value == run_id):
            attributes[ATTRIBUTE_OF_TAG[tag.key]] = tag.value or ""
    return plain, attributes


def tag_changes(tags: Iterable[Labelled], record: RunRecord, params: Mapping[str, str] | None = None) -> RunChanges:
    """Return the changes to a run for setting tags and params.

    Raises:
        Refusal: a tag has the key of a property, which cannot be changed.
    """
    plain, attributes = split_tags(tags, record.id)
    if fixed := [key for key in plain if key in record.properties]:
        raise Refusal(
            f"Cannot set the tag {fixed[0]!r} of run {record.id}: the run has a property with this key, and a property "
            "cannot be changed. Choose another key."
        )
    return replace(_attribute_changes(attributes), tags=plain, params=params or {})


def _attribute_changes(attributes: Mapping[str, str]) -> RunChanges:
    get = attributes.get
    return RunChanges(display_name=get("display_name"), description=get("description"), parent_id=get("parent_id"))


def removed_tag(record: RunRecord, key: str) -> RunChanges:
    """Return the changes to a run for deleting a tag.

    Raises:
        Refusal: the tag does not exist, or it is the run's name.
    """
    if key == RUN_NAME:
        raise Refusal("Cannot delete the tag mlflow.runName: a run always has a name. Set the tag to another name.")
    if key in ATTRIBUTE_OF_TAG and key in attribute_tags(record):
        return _attribute_changes({ATTRIBUTE_OF_TAG[key]: ""})
    if key not in record.tags:
        raise missing_tag(key, f"run with id {record.id}")
    return RunChanges(removed_tags=(key,))


def native_dataset_inputs(given: Iterable[Any]) -> tuple[runs.DatasetInput, ...]:
    """Return the datasets that a run used. Of datasets with the same name and digest, only the first is returned."""
    found: dict[tuple[str, str], runs.DatasetInput] = {}
    for one in given:
        data = one.dataset
        mine = runs.Dataset(data.name, data.digest, data.source_type, data.source, data.schema, data.profile)
        tags = {tag.key: tag.value for tag in one.tags}
        found.setdefault((data.name, data.digest), runs.DatasetInput(mine, tags))
    return tuple(found.values())
