"""Former names of modules, which pickles of an earlier version contain.

The former names are kept for one release.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

MOVED = {
    "bridge.workspace": {"_reopened": "bridge.handles.pickles:reopen_workspace"},
    "bridge.experiment": {
        "_reopened": "bridge.handles.pickles:reopen_experiment",
        "ViewType": "bridge.handles.experiment:ViewType",
    },
    "bridge.run": {"Run": "bridge.handles.run:Run"},
    "bridge.script_run": {"ScriptRun": "bridge.handles.script_run:ScriptRun"},
    "bridge.metrics": {
        "LoggedFile": "bridge.runs.metric_values:LoggedFile",
        "LoggedMetric": "bridge.runs.metric_values:LoggedMetric",
        "MetricFile": "bridge.runs.metric_values:MetricFile",
        "MetricTable": "bridge.runs.metric_values:MetricTable",
    },
    "bridge.submit.conda": {"CondaDependencies": "bridge.environments.conda:CondaDependencies"},
    "bridge.submit.environment": {
        "DockerSection": "bridge.environments.sections:DockerSection",
        "Environment": "bridge.environments.environment:Environment",
        "PythonSection": "bridge.environments.sections:PythonSection",
    },
    "bridge.submit.script": {
        "DockerConfiguration": "bridge.launch.runconfig:DockerConfiguration",
        "History": "bridge.launch.runconfig:History",
        "RunConfiguration": "bridge.launch.runconfig:RunConfiguration",
        "ScriptRunConfig": "bridge.launch.script:ScriptRunConfig",
    },
}
"""For each former module: the former names of its classes and functions, with the present `module:name` of each."""


class _FormerModule(ModuleType):
    """A former module. It imports the present module of a name when the name is first used."""

    def __getattr__(self, name: str) -> object:
        present = MOVED[self.__name__].get(name)
        if present is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        module, _, attribute = present.partition(":")
        return getattr(import_module(module), attribute)


def register_former_names() -> None:
    """Make the former modules importable."""
    for name in MOVED:
        sys.modules.setdefault(name, _FormerModule(name, "A module that moved; see bridge.former_names."))
