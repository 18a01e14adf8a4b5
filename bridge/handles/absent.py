"""Names of the Azure ML SDK that Runbridge does not have. Each look-up raises an error that names a substitute."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn, TypeVar

from bridge.errors import NotFound

PAGE = "docs/azureml.md#not-available"
"""The page that lists the absent names, with a substitute for each."""

NO_DATASETS = f"Runbridge has no datasets: read data by its path, and log its use with mlflow.log_input ({PAGE})"
NO_DATASTORES = f"Runbridge has no datastores: read data by its path, and store files with run.upload_file ({PAGE})"
NO_WEBSERVICES = f"Runbridge deploys no models: serve one with mlflow models serve ({PAGE})"
SWEEP = "there are no sweeps: submit a script for each case with run.submit_child, and compare run.get_children()"
STEPS = "there are no pipelines: submit a script for each step, and pass files with run.upload_file"
SERVE = "Runbridge deploys no models: serve one with mlflow models serve"
THIS_COMPUTER = "scripts run on this computer"
SERVICE = "it belongs to the Azure service"

ATTRIBUTES: Mapping[str, Mapping[str, str]] = {
    "Run": {
        "get_best_child": SWEEP,
        "get_best_run_by_primary_metric": SWEEP,
        "get_children_sorted_by_primary_metric": SWEEP,
        "get_hyperparameters": SWEEP,
        "find_step_run": STEPS,
        "get_output": STEPS,
        "get_output_data": STEPS,
        "get_pipeline_output": STEPS,
        "get_steps": STEPS,
        "publish_pipeline": STEPS,
    },
    "Model": {"deploy": SERVE, "package": SERVE, "profile": SERVE, "print_configuration": SERVE},
    "Workspace": {
        "diagnose_workspace": SERVICE,
        "get_default_compute_target": THIS_COMPUTER,
        "images": SERVE,
        "linked_services": SERVICE,
        "list_connections": SERVICE,
        "private_endpoints": SERVICE,
        "set_connection": SERVICE,
        "sync_keys": SERVICE,
    },
}
"""The substitute of each attribute that the Azure ML SDK's classes have and ours do not."""

Handle = TypeVar("Handle")
_GIVEN_NOTHING: Any = object()


class EmptyNames(dict[str, Any]):
    """An empty dict whose look-ups raise NotFound with a substitute.

    `in`, iteration, and `get` with a default work as with any empty dict.

    Args:
        kind: the kind of the absent values, such as "dataset".
        instead: a clause that names the substitute. The message of the error ends with it.
    """

    def __init__(self, kind: str, instead: str) -> None:
        super().__init__()
        self.kind, self.instead = kind, instead

    def __missing__(self, name: str) -> NoReturn:
        raise NotFound(self.kind, name, self.instead)

    def get(self, name: str, default: Any = _GIVEN_NOTHING) -> Any:
        """Return the default. Raise NotFound if no default is given.

        `dict.get` would return None, and the script would fail later with an error that does not name the substitute.
        """
        return self[name] if default is _GIVEN_NOTHING else default


class AbsentAttribute:
    """A class attribute that raises AttributeError when it is read. The error names a substitute.

    Unlike a `__getattr__` of the class, it does not slow down the attributes that exist.
    """

    def __init__(self, kind: str, name: str) -> None:
        self.kind, self.name = kind, name

    def __get__(self, instance: object, owner: type | None = None) -> NoReturn:
        raise absent_attribute(self.kind, self.name)


def with_absent_attributes(kind: type[Handle]) -> type[Handle]:
    """Decorate a class: add an `AbsentAttribute` for each name that `ATTRIBUTES` lists for the class."""
    for name in ATTRIBUTES[kind.__name__]:
        setattr(kind, name, AbsentAttribute(kind.__name__, name))
    return kind


def without_absent_attributes(kind: str, names: Iterable[str]) -> list[str]:
    """Return all names except those of absent attributes, which `dir` must not show."""
    return [name for name in names if name not in ATTRIBUTES[kind]]


def absent_attribute(kind: str, name: str) -> AttributeError:
    """Return the error of an attribute that a class does not have. It names a substitute if one is known.

    Args:
        kind: the name of the class.
        name: the attribute.
    """
    instead = ATTRIBUTES[kind].get(name)
    if instead is None:
        return AttributeError(f"{kind!r} object has no attribute {name!r}")
    return AttributeError(f"Runbridge has no {kind}.{name}: {instead} ({PAGE}).")
