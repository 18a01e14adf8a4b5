"""The module `mlflow.azureml`, which MLflow 2 removed and existing scripts still import.

The standard library is enough here: MLflow loads this while its own package is half imported.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

NAME = "mlflow.azureml"
INSTEAD = "serve a model with mlflow models serve; see docs/azureml.md#not-available"


class RemovedModule(Loader):
    """A loader of a module whose every name says that MLflow removed it."""

    def create_module(self, spec: ModuleSpec) -> None:
        """Let Python create the module."""

    def exec_module(self, module: ModuleType) -> None:
        """Give the module its one function."""
        module.__doc__ = f"MLflow 2 removed `{NAME}`: {INSTEAD}."
        module.__path__ = []
        module.__dict__["__getattr__"] = _refuse


class RemovedModuleFinder(MetaPathFinder):
    """The last finder: it is asked for `mlflow.azureml` only if MLflow does not have it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the module for its name, and None for any other; raise ImportError for a name below it."""
        if fullname.startswith(f"{NAME}."):
            raise ModuleNotFoundError(_sentence(fullname))
        return ModuleSpec(fullname, RemovedModule(), is_package=True) if fullname == NAME else None


def install_finder() -> None:
    """Let `import mlflow.azureml` work; repeating it changes nothing."""
    if not any(isinstance(finder, RemovedModuleFinder) for finder in sys.meta_path):
        sys.meta_path.append(RemovedModuleFinder())


def _refuse(name: str) -> None:
    if name.startswith("__"):
        raise AttributeError(f"module {NAME!r} has no attribute {name!r}")
    raise AttributeError(_sentence(f"{NAME}.{name}"))


def _sentence(name: str) -> str:
    return f"MLflow 2 removed {name}: {INSTEAD}."
