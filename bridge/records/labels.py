"""Checks labels of runs and experiments, that is, their tags and properties, and converts them for the store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from bridge.errors import InvalidValue
from bridge.records.series import check_key
from bridge.records.text import as_text, check_encodable

Labels: TypeAlias = "str | Mapping[str, object] | None"
"""Labels as a caller passes them: a dict of values by key, one key without a value, or None for no labels."""

SHOWN_AS_TAG = {"mlflow.runName": "display name", "mlflow.note.content": "description", "mlflow.parentRunId": "parent"}
"""Tags of MLflow that Runbridge stores as attributes of a run.

If the native API stored a tag with such a key, neither API would show it.
"""


def label_values(labels: Mapping[str, object], what: str = "tag") -> dict[str, str | None]:
    """Check labels, and return them as they are stored. Values are converted to text, except None.

    Raises:
        InvalidValue: a key or value is not valid, or `labels` is not a mapping.
    """
    if not isinstance(labels, Mapping):
        raise InvalidValue(what, labels, "must be a dict of keys and values")
    return {
        check_key(key, f"{what} key"): None if value is None else _label_value(f"{what} {key!r}", value)
        for key, value in labels.items()
    }


def _label_value(what: str, value: object) -> str:
    return check_encodable(what, as_text(what, value))


def tag_values(tags: str | Mapping[str, object]) -> dict[str, str | None]:
    """Return tags as they are stored. A text is the key of one tag without a value.

    Raises:
        InvalidValue: as for `label_values`.
    """
    return label_values({tags: None} if isinstance(tags, str) else tags)


def run_tag_values(tags: str | Mapping[str, object]) -> dict[str, str | None]:
    """Return the tags of a run as they are stored.

    Raises:
        InvalidValue: as for `label_values`, or a key is one of `SHOWN_AS_TAG`.
    """
    values = tag_values(tags)
    for key in values:
        if attribute := SHOWN_AS_TAG.get(key):
            rule = f"is MLflow's name for the run's {attribute}: set the {attribute} instead"
            raise InvalidValue("tag key", key, rule)
    return values


def param_values(params: Mapping[str, object]) -> dict[str, str]:
    """Return params as they are stored. All values become text, and None becomes "None", as in MLflow.

    Raises:
        InvalidValue: as for `label_values`.
    """
    return {key: str(value) for key, value in label_values(params, "param").items()}


def native_tags(tags: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return tags without those of MLflow, whose keys begin with `mlflow.`."""
    return {key: value for key, value in tags.items() if not key.startswith("mlflow.")}


def check_keys(what: str, keys: object) -> tuple[str, ...]:
    """Return one key or a list of keys as a tuple of keys.

    Raises:
        InvalidValue: the value is neither a key nor a list of keys.
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
    """Return the labels that a caller searches for, in a form for `has_labels`. None means no labels.

    Raises:
        InvalidValue: as for `label_values`.
    """
    return labels if isinstance(labels, str) else label_values({} if labels is None else labels, what)


def has_labels(labels: Mapping[str, str | None], wanted: str | Mapping[str, str | None]) -> bool:
    """Return whether labels contain the wanted key, or all wanted pairs of key and value."""
    if isinstance(wanted, str):
        return wanted in labels
    return all(key in labels and labels[key] == value for key, value in wanted.items())
