"""What is known about an experiment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bridge.errors import InvalidValue
from bridge.records.limits import EXPERIMENT_NAME_LENGTH
from bridge.records.text import check_spellable

LifecycleStage = Literal["active", "deleted"]
NATIVE_NAME = re.compile(r"[a-zA-Z0-9][\w-]{0,254}")


@dataclass(frozen=True, slots=True)
class ExperimentRecord:
    """A named set of runs.

    `id` is a small decimal integer as text, given by the store; "0" is the experiment "Default".
    Times are milliseconds since 1970 UTC.
    `artifact_location` is None unless the experiment was created with a place of its own.
    """

    id: str
    name: str
    lifecycle_stage: LifecycleStage
    creation_time: int
    last_update_time: int
    artifact_location: str | None = None
    tags: Mapping[str, str | None] = field(default_factory=dict)


def check_experiment_name(name: object) -> str:
    """The name, if a store may hold it: non-empty text of at most 500 characters (MLflow's rule).

    Raises:
        InvalidValue: it may not.
    """
    if not isinstance(name, str) or not name or len(name) > EXPERIMENT_NAME_LENGTH:
        raise InvalidValue("experiment name", name, f"must be text of 1 to {EXPERIMENT_NAME_LENGTH} characters")
    return check_spellable("experiment name", name)


def check_native_experiment_name(name: object) -> str:
    """The name, if it may be made natively.

    Source: Azure ML SDK v1, `Experiment`.

    Raises:
        InvalidValue: it may not.
    """
    if not isinstance(name, str) or not NATIVE_NAME.fullmatch(name):
        rule = "must begin with a letter or digit and have at most 255 letters, digits, underscores and dashes"
        raise InvalidValue("experiment name", name, rule)
    return name
