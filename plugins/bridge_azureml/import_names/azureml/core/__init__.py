"""`azureml.core` on Runbridge. Each name is loaded when it is used first."""

import importlib
from typing import Any

from bridge_azureml.absent import attribute_finder
from bridge_azureml.version import VERSION

__version__ = VERSION

_PLACES = {
    "ComputeTarget": "compute_target",
    "CondaDependencies": "conda_dependencies",
    "Dataset": "dataset",
    "Datastore": "datastore",
    "Environment": "environment",
    "Experiment": "experiment",
    "Keyvault": "keyvault",
    "Model": "model",
    "Run": "run",
    "RunConfiguration": "runconfig",
    "ScriptRun": "script_run",
    "ScriptRunConfig": "script_run_config",
    "Workspace": "workspace",
    "get_run": "run",
}

__all__ = ["VERSION", "diagnostic_log", *_PLACES]

_find_absent = attribute_finder(__name__)


def __getattr__(name: str) -> Any:
    if name == "diagnostic_log":
        from bridge_azureml.diagnostics import diagnostic_log

        return diagnostic_log
    if name not in _PLACES:
        return _find_absent(name)
    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
