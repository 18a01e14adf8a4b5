"""Convert our errors to MLflow's, with the messages on which MLflow's clients rely."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    INVALID_PARAMETER_VALUE,
    NOT_IMPLEMENTED,
    RESOURCE_DOES_NOT_EXIST,
    ErrorCode,
)

from bridge import errors
from bridge_mlflow.translate.refusals import Refusal, refusal_of

P = ParamSpec("P")
R = TypeVar("R")


def translated(method: Callable[P, R]) -> Callable[P, R]:
    """Wrap a function: raise our errors and refusals as MLflow's, and accept empty arguments of a later MLflow.

    A keyword argument that the function does not have is treated as one that a later MLflow has added. It is dropped if
    it is None, False or empty. Otherwise it is refused, because a result that ignores it would be wrong.
    """
    parameters = inspect.signature(method).parameters.values()
    known = None if any(one.kind == one.VAR_KEYWORD for one in parameters) else {one.name for one in parameters}

    @functools.wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if known is not None and not kwargs.keys() <= known:
            for name in kwargs.keys() - known:
                if kwargs.pop(name):
                    sentence = f"{method.__name__}() has no argument {name!r} here; omit it or upgrade runbridge."
                    raise MlflowException(sentence, NOT_IMPLEMENTED)
        try:
            return method(*args, **kwargs)
        except errors.BridgeError as error:
            raise mlflow_error(error) from error
        except Refusal as refusal:
            raise exception_of(refusal) from refusal

    return call


def mlflow_error(error: errors.BridgeError) -> MlflowException:
    """Return MLflow's exception for an error of ours. It has MLflow's message if clients compare that message."""
    return exception_of(refusal_of(error))


def exception_of(refusal: Refusal) -> MlflowException:
    """Return MLflow's exception for a refusal."""
    return MlflowException(refusal.sentence, ErrorCode.Value(refusal.code))


def invalid_path_error(path: str) -> MlflowException:
    """Return MLflow's error for an artifact path that leads out of its folder."""
    return invalid(f"Invalid path: {path!r} is not a path below the artifact directory")


def path_outside_error() -> MlflowException:
    """Return MLflow's error for listing a folder outside the artifacts."""
    return invalid("Invalid path: resolved path is outside the artifact directory")


def missing_artifact_error(path: str) -> MlflowException:
    """Return MLflow's error for a path at which no file is stored."""
    return MlflowException(f"No such artifact: '{path}'", RESOURCE_DOES_NOT_EXIST)


def invalid(sentence: str) -> MlflowException:
    """Return an error about an argument of the caller."""
    return MlflowException(sentence, INVALID_PARAMETER_VALUE)
