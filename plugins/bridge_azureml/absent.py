"""Packages and names of the Azure ML SDK that Runbridge does not have, and what to use instead.

An import of such a name raises ImportError. `module.name` raises AttributeError. Both errors name a substitute.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib.abc import MetaPathFinder
from typing import Any

from bridge.handles.absent import PAGE

ROOT = "azureml"

DATA = "read data by its path, and log its use with mlflow.log_input"
SERVE = "serve a model with mlflow models serve, or load it with Model.get_model_path"
STEPS = "submit a ScriptRunConfig for each step, one after the other"
AUTOML = "there is no substitute for AutoML: train models of your own, and log them"
EXPLAIN = "compute explanations with the package interpret or shap, and store them with run.upload_file"
THIS_COMPUTER = "scripts run on this computer: omit the compute target"
SERVICE = "it belongs to the Azure service"

INSTEAD: Mapping[str, str] = {
    "azureml.accel": SERVICE,
    "azureml.automl": AUTOML,
    "azureml.contrib": "its previews belong to the Azure service",
    "azureml.core.Image": SERVE,
    "azureml.core.LinkedService": SERVICE,
    "azureml.core.Webservice": SERVE,
    "azureml.core.compute": THIS_COMPUTER,
    "azureml.core.compute.AksCompute": SERVE,
    "azureml.core.databricks": THIS_COMPUTER,
    "azureml.core.image": SERVE,
    "azureml.core.linked_service": SERVICE,
    "azureml.core.model": SERVE,
    "azureml.core.private_endpoint": SERVICE,
    "azureml.core.profile": SERVE,
    "azureml.core.resource_configuration": SERVE,
    "azureml.core.runconfig": "pass settings to ScriptRunConfig and Environment",
    "azureml.core.webservice": SERVE,
    "azureml.data": DATA,
    "azureml.datadrift": "compare the data of two runs in a script of your own",
    "azureml.dataprep": DATA,
    "azureml.explain": EXPLAIN,
    "azureml.exceptions": "catch bridge.BridgeError",
    "azureml.interpret": EXPLAIN,
    "azureml.opendatasets": DATA,
    "azureml.pipeline": STEPS,
    "azureml.studio": "the designer belongs to the Azure service",
    "azureml.telemetry": "Runbridge sends no telemetry",
    "azureml.train": "submit a ScriptRunConfig instead of an estimator, or several of them instead of a sweep",
}
"""The substitutes of absent packages and names. An entry also applies to all names below it that have no entry."""


def sentence_of(name: str) -> str:
    """Return the message of the error for an absent package or name. It names a substitute if one is known.

    Args:
        name: the full name, such as "azureml.core.Webservice".
    """
    parts = name.split(".")
    known = (".".join(parts[:count]) for count in range(len(parts), 1, -1))
    instead = next((INSTEAD[each] for each in known if each in INSTEAD), None)
    return f"Runbridge has no {name}: {instead}; see {PAGE}." if instead else f"Runbridge has no {name}: see {PAGE}."


def attribute_finder(module: str) -> Callable[[str], Any]:
    """Return a `__getattr__` for a module. It raises AttributeError, with a substitute for the absent name.

    `from module import name` would replace the message of this error by a message of Python. So this function also
    makes the module a package, with an empty `__path__`. Python then looks for a submodule, and `AbsentFinder` raises
    an error whose message is not replaced.
    """
    sys.modules[module].__dict__.setdefault("__path__", [])

    def find(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        raise AttributeError(sentence_of(f"{module}.{name}"))

    return find


class AbsentFinder(MetaPathFinder):
    """A finder that refuses all imports below `azureml`.

    It is the last finder, so Python calls it only for modules that no other finder has found.
    """

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        """Raise ModuleNotFoundError for a name below `azureml`.

        The attribute `name` of the error is not set. If it were set, `from … import` would ignore the error, and raise
        another one without the substitute.
        """
        if fullname.startswith(f"{ROOT}."):
            raise ModuleNotFoundError(sentence_of(fullname))


def install_finder() -> None:
    """Install `AbsentFinder`. Further calls change nothing."""
    if not any(isinstance(finder, AbsentFinder) for finder in sys.meta_path):
        sys.meta_path.append(AbsentFinder())
