"""Classes of the Azure ML SDK that have no counterpart: each use says what to do instead."""

from __future__ import annotations

from typing import Any, NoReturn

from bridge import NotAllowed
from bridge.handles.absent import PAGE


class _Absent(type):
    """A metaclass that refuses each use of its classes, with the sentence of the class."""

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
    """A storage that the service would mount.

    Raises:
        NotAllowed: at each use.
    """

    instead = "there are no datastores: read data by its path, and keep files with run.upload_file"


class Dataset(metaclass=_Absent):
    """Data that the service would store in versions.

    Raises:
        NotAllowed: at each use.
    """

    instead = "there are no datasets: read data by its path, and log its use with mlflow.log_input"


class Keyvault(metaclass=_Absent):
    """Secrets that the service would store.

    Raises:
        NotAllowed: at each use.
    """

    instead = "there is no key vault: give secrets to a script by environment variables"


class Model(metaclass=_Absent):
    """A registered model, if MLflow is not installed.

    Raises:
        NotAllowed: at each use.
    """

    instead = 'there is no model registry: pip install "runbridge[mlflow]" brings MLflow\'s registry'
