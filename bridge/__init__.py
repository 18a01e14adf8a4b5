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
from bridge.former_names import register_former_names as _register_former_names

if TYPE_CHECKING:
    from bridge.environments.conda import CondaDependencies
    from bridge.environments.environment import Environment
    from bridge.handles.experiment import Experiment, ViewType
    from bridge.handles.run import Run
    from bridge.handles.script_run import ScriptRun
    from bridge.handles.workspace import Workspace
    from bridge.launch.runconfig import DockerConfiguration, RunConfiguration
    from bridge.launch.script import ScriptRunConfig
    from bridge.records.series import Series
    from bridge.runs.metric_values import LoggedFile, LoggedMetric, MetricFile, MetricTable

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
    "CondaDependencies": "bridge.environments.conda",
    "DockerConfiguration": "bridge.launch.runconfig",
    "Environment": "bridge.environments.environment",
    "Experiment": "bridge.handles.experiment",
    "LoggedFile": "bridge.runs.metric_values",
    "LoggedMetric": "bridge.runs.metric_values",
    "MetricFile": "bridge.runs.metric_values",
    "MetricTable": "bridge.runs.metric_values",
    "Run": "bridge.handles.run",
    "RunConfiguration": "bridge.launch.runconfig",
    "ScriptRun": "bridge.handles.script_run",
    "ScriptRunConfig": "bridge.launch.script",
    "Series": "bridge.records.series",
    "ViewType": "bridge.handles.experiment",
    "Workspace": "bridge.handles.workspace",
    # Pickled handles refer to the following names.
    "OfflineRun": "bridge.handles.offline",
    "reopen_experiment": "bridge.handles.pickles",
    "reopen_run": "bridge.handles.pickles",
    "reopen_workspace": "bridge.handles.pickles",
}
"""The names that `import bridge` does not load, with their modules. Each name is imported when it is first used."""

_register_former_names()


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found: object = getattr(import_module(_LATER[name]), name)
    if name in __all__:
        globals()[name] = found  # so that the next access does not call this function
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
