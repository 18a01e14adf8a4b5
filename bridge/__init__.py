"""Runbridge: a self-hosted home for ML runs."""

from typing import TYPE_CHECKING

from bridge.errors import (
    AlreadyExists,
    BridgeError,
    InvalidState,
    InvalidValue,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    ParamChanged,
    SchemaMismatch,
    StoreUnavailable,
    SubmitFailed,
)
from bridge.experiment import Experiment, ViewType
from bridge.records.series import Series
from bridge.run import Run
from bridge.workspace import Workspace

if TYPE_CHECKING:
    from bridge.metrics import LoggedFile, LoggedMetric, MetricFile, MetricTable
    from bridge.script_run import ScriptRun
    from bridge.submit.conda import CondaDependencies
    from bridge.submit.environment import Environment
    from bridge.submit.script import DockerConfiguration, RunConfiguration, ScriptRunConfig

__all__ = [
    "AlreadyExists",
    "BridgeError",
    "CondaDependencies",
    "DockerConfiguration",
    "Environment",
    "Experiment",
    "InvalidState",
    "InvalidValue",
    "LoggedFile",
    "LoggedMetric",
    "MetricFile",
    "MetricTable",
    "NotAllowed",
    "NotAuthenticated",
    "NotFound",
    "ParamChanged",
    "Run",
    "RunConfiguration",
    "SchemaMismatch",
    "ScriptRun",
    "ScriptRunConfig",
    "Series",
    "StoreUnavailable",
    "SubmitFailed",
    "ViewType",
    "Workspace",
]

_LATER = {
    "CondaDependencies": "bridge.submit.conda",
    "DockerConfiguration": "bridge.submit.script",
    "Environment": "bridge.submit.environment",
    "LoggedFile": "bridge.metrics",
    "LoggedMetric": "bridge.metrics",
    "MetricFile": "bridge.metrics",
    "MetricTable": "bridge.metrics",
    "RunConfiguration": "bridge.submit.script",
    "ScriptRun": "bridge.script_run",
    "ScriptRunConfig": "bridge.submit.script",
}
"""The modules of names that are loaded when first asked for: logging does not need them."""


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LATER[name]), name)
