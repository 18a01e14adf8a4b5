"""Packages and names of the Azure ML SDK that Runbridge does not have, and what to use instead.

Importing one raises ImportError, and asking a module for one AttributeError, in one sentence.
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
EXPLAIN = "compute explanations with the package interpret or shap, and keep them with run.upload_file"
THIS_COMPUTER = "scripts run on this computer: leave the compute target out"
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
    "azureml.telemetry": "nothing is sent",
    "azureml.train": "submit a ScriptRunConfig in place of an estimator, and one for each point of a sweep",
}
"""The substitute of each absent package or name; the longest name that begins a given one counts."""


def sentence_of(name: str) -> str:
    """Return the sentence that says that a package or name is absent, and what to use instead.

    Args:
        name: the full name, such as "azureml.core.Webservice".
    """
    parts = name.split(".")
    known = (".".join(parts[:count]) for count in range(len(parts), 1, -1))
    instead = next((INSTEAD[each] for each in known if each in INSTEAD), None)
    return f"Runbridge has no {name}: {instead}; see {PAGE}." if instead else f"Runbridge has no {name}: see {PAGE}."


def attribute_finder(module: str) -> Callable[[str], Any]:
    """Return a `__getattr__` for a module, which says of each absent name what to use instead.

    It makes the module a package without a folder, so that `from module import name` asks `AbsentFinder`, whose
    sentence Python keeps; it replaces the one of an AttributeError.
    """
    sys.modules[module].__dict__.setdefault("__path__", [])

    def find(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        raise AttributeError(sentence_of(f"{module}.{name}"))

    return find


class AbsentFinder(MetaPathFinder):
    """The last finder: each import below `azureml` that reaches it is of something absent."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        """Raise ModuleNotFoundError for a name below `azureml`.

        The error does not carry the name as an attribute, because `from … import` would take it for harmless then, and
        replace its sentence.
        """
        if fullname.startswith(f"{ROOT}."):
            raise ModuleNotFoundError(sentence_of(fullname))


def install_finder() -> None:
    """Let absent imports say what to use instead; repeating it changes nothing."""
    if not any(isinstance(finder, AbsentFinder) for finder in sys.meta_path):
        sys.meta_path.append(AbsentFinder())
