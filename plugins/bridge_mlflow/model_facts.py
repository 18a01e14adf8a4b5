"""The tags, properties, description and framework that a script passes for a new version of a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from bridge.records.labels import label_values, tag_values
from bridge.records.text import as_text, check_encodable, check_text_or_none

FACTS_TAG = "runbridge.model"
"""The tag of a model version that contains, as JSON, the values for which MLflow has no field."""


class ModelFacts(NamedTuple):
    """The arguments of a new version, as they are stored. `others` are the values that the tag `FACTS_TAG` contains."""

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
    """Check the arguments of a new version, and return them as they are stored. See `Run.register_model`.

    Raises:
        InvalidValue: an argument cannot be stored.
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
