"""Names without anything behind them: each use says what to do instead."""

from __future__ import annotations

from typing import Any, NoReturn

from bridge import NotAllowed


class _Absent(type):
    """Refuses the call of a class and of whatever is asked of it, by the sentence of the class."""

    instead: str

    def _refuse(cls, action: str) -> NoReturn:
        raise NotAllowed(action, cls.__name__, cls.instead)

    def __call__(cls, *args: object, **kwargs: object) -> Any:
        cls._refuse("make a")

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        cls._refuse(f"use {name} of")


class Datastore(metaclass=_Absent):
    """Storage that the service mounts.

    Raises:
        NotAllowed: whenever it is used.
    """

    instead = "there are no datastores: read data by its path, and keep files with run.upload_file or upload_folder"


class Dataset(metaclass=_Absent):
    """Data that the service keeps versions of.

    Raises:
        NotAllowed: whenever it is used.
    """

    instead = "there are no datasets: read data by its path, and note what a run used with mlflow.log_input"


class Keyvault(metaclass=_Absent):
    """Secrets that the service keeps.

    Raises:
        NotAllowed: whenever it is used.
    """

    instead = "there is no key vault: give secrets to a script by environment variables"


class Model(metaclass=_Absent):
    """A registered model, where no plugin keeps any.

    Raises:
        NotAllowed: whenever it is used.
    """

    instead = 'nothing here keeps models: pip install "runbridge[mlflow]" brings MLflow\'s registry'
