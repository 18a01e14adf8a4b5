"""Labels of runs and experiments (tags and properties), as callers give them and as they are stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from bridge.errors import InvalidValue
from bridge.records.series import check_key
from bridge.records.text import as_text, check_encodable

Labels: TypeAlias = "str | Mapping[str, object] | None"
"""Labels as callers give them: values by key, or a key alone."""

SHOWN_AS_TAG = {"mlflow.runName": "display name", "mlflow.note.content": "description", "mlflow.parentRunId": "parent"}
"""MLflow's tags that are attributes of a run here. A tag of such a key would be visible through neither API."""


def label_values(labels: Mapping[str, object], what: str = "tag") -> dict[str, str | None]:
    """Return labels as they are stored: keys are checked, values become text, None stays None.

    Raises:
        InvalidValue: a key or value is not valid, or `labels` is not a mapping.
    """
    if not isinstance(labels, Mapping):
        raise InvalidValue(what, labels, "must be given as a dict of values by key")
    return {
        check_key(key, f"{what} key"): None if value is None else _label_value(f"{what} {key!r}", value)
        for key, value in labels.items()
    }


def _label_value(what: str, value: object) -> str:
    return check_encodable(what, as_text(what, value))


def tag_values(tags: str | Mapping[str, object]) -> dict[str, str | None]:
    """Return tags as they are stored; a key alone is a tag without a value.

    Raises:
        InvalidValue: as for `label_values`.
    """
    return label_values({tags: None} if isinstance(tags, str) else tags)


def run_tag_values(tags: str | Mapping[str, object]) -> dict[str, str | None]:
    """Return the tags of a run as they are stored.

    Raises:
        InvalidValue: as for `label_values`, or MLflow shows an attribute of the run under that key.
    """
    values = tag_values(tags)
    for key in values:
        if attribute := SHOWN_AS_TAG.get(key):
            raise InvalidValue("tag key", key, f"is MLflow's name for the run's {attribute}: set that instead of a tag")
    return values


def native_tags(tags: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return tags without MLflow's own (`mlflow.…`)."""
    return {key: value for key, value in tags.items() if not key.startswith("mlflow.")}


def check_keys(what: str, keys: object) -> tuple[str, ...]:
    """Return keys that are given as one key or as a list of keys.

    Raises:
        InvalidValue: the value is neither.
    """
    given = (keys,) if isinstance(keys, str) else keys
    if not isinstance(given, Iterable) or isinstance(given, (bytes, Mapping)):
        raise InvalidValue(what, keys, "must be a key, or a list of keys")
    listed = tuple(given)
    for key in listed:
        if not isinstance(key, str):
            raise InvalidValue(what, key, "must be text")
        check_encodable(what, key)
    return listed


def wanted_labels(labels: Labels, what: str) -> str | dict[str, str | None]:
    """Return the labels that a caller searches for: a key, or values by key as they are stored; none for None.

    Raises:
        InvalidValue: as for `label_values`.
    """
    return labels if isinstance(labels, str) else label_values({} if labels is None else labels, what)


def has_labels(labels: Mapping[str, str | None], wanted: str | Mapping[str, str | None]) -> bool:
    """Return whether labels contain a wanted key, or all wanted pairs."""
    if isinstance(wanted, str):
        return wanted in labels
    return all(key in labels and labels[key] == value for key, value in wanted.items())
