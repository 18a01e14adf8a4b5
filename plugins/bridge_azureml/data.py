"""Classes of the Azure ML SDK that Runbridge does not have. Each use raises an error that names a substitute."""

from __future__ import annotations

from typing import Any, NoReturn

from bridge import NotAllowed
from bridge.handles.absent import PAGE


class _Absent(type):
    """A metaclass that refuses each use of a class. The error contains the attribute `instead` of the class."""

    instead: str

    def _refuse(cls, action: str) -> NoReturn:
        raise NotAllowed(action, cls.__name__, f"{cls.instead} ({PAGE})")

    def __call__(cls, *args: object, **kwargs: object) -> Any:
        cls._refuse("make a")

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        cls._refuse(f"use {name} of")


class Datastore(metaclass=_Absent):
    """A storage that Azure's service would mount.

    Raises:
        NotAllowed: at each use.
    """

    instead = "there are no datastores: read data by its path, and store files with run.upload_file"


class Dataset(metaclass=_Absent):
    """Data that Azure's service would store in versions.

    Raises:
        NotAllowed: at each use.
    """

    instead = "there are no datasets: read data by its path, and log its use with mlflow.log_input"


class Keyvault(metaclass=_Absent):
    """Secrets that Azure's service would store.

    Raises:
        NotAllowed: at each use.
    """

    instead = "there is no key vault: pass secrets to a script in environment variables"


class Model(metaclass=_Absent):
    """A registered model, if MLflow is not installed.

    Raises:
        NotAllowed: at each use.
    """

    instead = 'there is no model registry: install that of MLflow with pip install "runbridge[mlflow]"'
