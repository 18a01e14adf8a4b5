"""Translates the identifiers of MLflow's search grammar into entities and keys.

An entity is a kind of data, for example "metric". `metrics.loss` is translated into the entity "metric" and the key
"loss".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bridge.records.search import DATASET_ATTRIBUTES, Entity

ENTITIES: dict[str, Entity] = {
    "metric": "metric", "metrics": "metric",
    "parameter": "param", "parameters": "param", "param": "param", "params": "param",
    "tag": "tag", "tags": "tag",
    "attribute": "attribute", "attributes": "attribute", "attr": "attribute", "run": "attribute",
    "dataset": "dataset", "datasets": "dataset",
}  # fmt: skip
EXPERIMENT_ENTITIES = ("attribute", "tag", "tags")

RUN_ORDER_ATTRIBUTES = {
    "run_id": "run_id", "run_name": "display_name", "status": "status", "user_id": "user",
    "artifact_uri": "artifact_uri", "start_time": "start_time", "end_time": "end_time",
    "created": "start_time", "Created": "start_time",
}  # fmt: skip
RUN_ATTRIBUTES = RUN_ORDER_ATTRIBUTES | dict.fromkeys(("run name", "Run name", "Run Name"), "display_name")
EXPERIMENT_ATTRIBUTES = {key: key for key in ("name", "experiment_id", "creation_time", "last_update_time")}
NUMBERS = frozenset({"start_time", "end_time", "creation_time", "last_update_time"})

TYPE_NAMES: dict[Entity, str] = {"param": "parameter"}
"""MLflow's words for entities, where they differ from ours."""


class Refused(Exception):
    """A part of a filter or order is not valid. The message is the rule that the part breaks."""


@dataclass(frozen=True)
class SearchKey:
    """The key that a clause of a filter compares, or by which an order sorts.

    Attributes:
        entity: the kind of data, for example a metric or a tag.
        spelled: the key as MLflow spells it.
        key: our key. It differs from `spelled` for some attributes: MLflow's `run_name` is our `display_name`.
    """

    entity: Entity
    spelled: str
    key: str

    @property
    def is_number(self) -> bool:
        """Whether the values of the key are numbers."""
        return self.entity == "metric" or (self.entity == "attribute" and self.key in NUMBERS)

    @property
    def word(self) -> str:
        """MLflow's word for the entity."""
        return TYPE_NAMES.get(self.entity, self.entity)


def run_key(name: str, attributes: Mapping[str, str] = RUN_ATTRIBUTES) -> SearchKey:
    """Return the key for an identifier in a filter or order of runs.

    Args:
        name: the identifier, such as `metrics.loss` or `start_time`.
        attributes: the accepted attributes: our name for each of MLflow's names.

    Raises:
        Refused: the identifier is not valid.
    """
    kind, key = _split(name)
    kind = stripped(kind, "`")
    if kind not in ENTITIES:
        known = ["metric", "parameter", "tag", "attribute", "dataset"]
        raise Refused(f"Invalid entity type '{kind}'. Valid values are {known}")
    return _known_key(ENTITIES[kind], key, attributes)


def experiment_key(name: str) -> SearchKey:
    """Return the key for an identifier in a filter or order of experiments.

    Raises:
        Refused: the identifier is not valid.
    """
    kind, key = _split(name)
    if kind not in EXPERIMENT_ENTITIES:
        raise Refused(f"Invalid entity type '{kind}'. Valid entity types are {EXPERIMENT_ENTITIES}")
    return _known_key(ENTITIES[kind], key, EXPERIMENT_ATTRIBUTES)


def run_order_key(name: str) -> SearchKey:
    """Return the key for an identifier in an order of runs.

    Raises:
        Refused: the identifier is not valid, or runs cannot be ordered by its key.
    """
    key = run_key(name, RUN_ORDER_ATTRIBUTES)
    if key.entity == "dataset":
        raise Refused("Invalid identifier type 'dataset'")
    return key


def experiment_order_key(name: str) -> SearchKey:
    """Return the key for an identifier in an order of experiments.

    Raises:
        Refused: the identifier is not valid, or experiments cannot be ordered by its key.
    """
    key = experiment_key(name)
    if key.entity == "tag":
        raise Refused("Invalid order_by entity: tag")
    return key


def _split(name: str) -> tuple[str, str]:
    kind, dot, key = name.partition(".")
    return (kind, key) if dot else ("attribute", kind)


def _known_key(entity: Entity, text: str, attributes: Mapping[str, str]) -> SearchKey:
    key = stripped(stripped(text, "'", '"'), "`")
    if entity == "attribute" and key not in attributes:
        raise Refused(f"Invalid attribute key '{key}' specified. Valid keys are '{shown_set(attributes)}'")
    if entity == "dataset" and key not in DATASET_ATTRIBUTES:
        raise Refused(f"Invalid dataset key '{key}' specified. Valid keys are '{shown_set(DATASET_ATTRIBUTES)}'")
    return SearchKey(entity, key, attributes[key] if entity == "attribute" else key)


def stripped(text: str, *quotes: str) -> str:
    """Return a text without the quotes around it. Other quotes than the given ones are kept."""
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in quotes
    return text[1:-1] if quoted else text


def shown_set(words: Sequence[str] | Mapping[str, str]) -> str:
    """Return words in the format in which MLflow's error messages contain a set of words."""
    return "{" + ", ".join(repr(word) for word in words) + "}"
