"""The facts of a version of a model that scripts give: labels, a description and the framework."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from bridge.records.labels import label_values, tag_values
from bridge.records.text import as_text, check_encodable, check_text_or_none

FACTS_TAG = "runbridge.model"
"""The tag of a model version that contains, as JSON, the values for which MLflow has no field."""


class ModelFacts(NamedTuple):
    """The facts of a new version. MLflow stores the tags and the description, and `FACTS_TAG` the others."""

    tags: dict[str, str]
    description: str | None
    others: dict[str, Any]


def model_facts(
    tags: str | Mapping[str, object] | None = None,
    properties: Mapping[str, object] | None = None,
    description: str | None = None,
    model_framework: object = None,
    model_framework_version: object = None,
) -> ModelFacts:
    """Return the facts of a new version as they are stored; see `bridge.Run.register_model`.

    Raises:
        InvalidValue: a fact cannot be stored.
    """
    framework = {"model_framework": model_framework, "model_framework_version": model_framework_version}
    texts = {
        name: check_encodable(name, as_text(name, value)) for name, value in framework.items() if value is not None
    }
    labels = label_values(properties or {}, "property")
    return ModelFacts(
        tags={key: value or "" for key, value in tag_values(tags or {}).items()},
        description=check_text_or_none("description", description),
        others={"properties": {key: str(value) for key, value in labels.items()}, **texts},
    )
