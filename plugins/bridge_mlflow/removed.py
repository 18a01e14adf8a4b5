"""The module `mlflow.azureml`, which MLflow 2 removed and existing scripts still import.

This module imports only the standard library, because MLflow loads it while MLflow's own package is half imported.
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
    """A loader of a module without functions. `module.name` raises an error, which states that MLflow 2 removed it."""

    def create_module(self, spec: ModuleSpec) -> None:
        """Let Python create the module."""

    def exec_module(self, module: ModuleType) -> None:
        """Set the docstring of the module, and the function that Python calls for each missing name."""
        module.__doc__ = f"MLflow 2 removed `{NAME}`: {INSTEAD}."
        module.__path__ = []
        module.__dict__["__getattr__"] = _refuse


class RemovedModuleFinder(MetaPathFinder):
    """A finder of `mlflow.azureml`. It is the last finder, so Python uses it only if MLflow has no such module."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of `mlflow.azureml`, or None for another module.

        Raises:
            ModuleNotFoundError: the name is that of a submodule of `mlflow.azureml`.
        """
        if fullname.startswith(f"{NAME}."):
            raise ModuleNotFoundError(_sentence(fullname))
        return ModuleSpec(fullname, RemovedModule(), is_package=True) if fullname == NAME else None


def install_finder() -> None:
    """Let `import mlflow.azureml` work. Further calls change nothing."""
    if not any(isinstance(finder, RemovedModuleFinder) for finder in sys.meta_path):
        sys.meta_path.append(RemovedModuleFinder())


def _refuse(name: str) -> None:
    if name.startswith("__"):
        raise AttributeError(f"module {NAME!r} has no attribute {name!r}")
    raise AttributeError(_sentence(f"{NAME}.{name}"))


def _sentence(name: str) -> str:
    return f"MLflow 2 removed {name}: {INSTEAD}."
