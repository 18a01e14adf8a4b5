"""The record of an experiment, and the rules for the names of experiments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bridge.errors import InvalidValue
from bridge.records.limits import EXPERIMENT_NAME_LENGTH
from bridge.records.text import check_encodable

LifecycleStage = Literal["active", "deleted"]
NATIVE_NAME = re.compile(r"[a-zA-Z0-9][\w-]{0,254}")


@dataclass(frozen=True, slots=True)
class ExperimentRecord:
    """A named set of runs.

    `id` is a small decimal integer as text, which the store assigns; "0" is the experiment "Default".
    Times are in milliseconds since 1970 UTC.
    `artifact_location` is the URI of the artifacts, if the experiment was created with one. If it is None, the
    artifacts are in the workspace.
    """

    id: str
    name: str
    lifecycle_stage: LifecycleStage
    creation_time: int
    last_update_time: int
    artifact_location: str | None = None
    tags: Mapping[str, str | None] = field(default_factory=dict)


def check_experiment_name(name: object) -> str:
    """Check the name of an experiment by MLflow's rule, and return the name.

    Raises:
        InvalidValue: the name is not a text of 1 to 500 characters, or UTF-8 cannot encode it.
    """
    if not isinstance(name, str) or not name or len(name) > EXPERIMENT_NAME_LENGTH:
        raise InvalidValue("experiment name", name, f"must be text of 1 to {EXPERIMENT_NAME_LENGTH} characters")
    return check_encodable("experiment name", name)


def check_native_experiment_name(name: object) -> str:
    """Check the name of an experiment that the native API creates, and return the name.

    Source: Azure ML SDK v1, `Experiment`.

    Raises:
        InvalidValue: the name does not follow the rule of the Azure ML SDK v1.
    """
    if not isinstance(name, str) or not NATIVE_NAME.fullmatch(name):
        rule = "must begin with a letter or digit and have at most 255 letters, digits, underscores and dashes"
        raise InvalidValue("experiment name", name, rule)
    return name
