"""Convert our errors to MLflow's, with the messages on which MLflow's clients rely."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import ParamSpec, TypeVar

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    BAD_REQUEST,
    INTERNAL_ERROR,
    INVALID_PARAMETER_VALUE,
    INVALID_STATE,
    NOT_IMPLEMENTED,
    PERMISSION_DENIED,
    RESOURCE_ALREADY_EXISTS,
    RESOURCE_DOES_NOT_EXIST,
    RESOURCE_EXHAUSTED,
    TEMPORARILY_UNAVAILABLE,
    UNAUTHENTICATED,
)

from bridge import errors

P = ParamSpec("P")
R = TypeVar("R")

ERROR_CODES: Mapping[type[errors.BridgeError], int] = {
    errors.InvalidValue: INVALID_PARAMETER_VALUE,
    errors.NotAuthenticated: UNAUTHENTICATED,
    errors.NotAllowed: PERMISSION_DENIED,
    errors.NotFound: RESOURCE_DOES_NOT_EXIST,
    errors.AlreadyExists: RESOURCE_ALREADY_EXISTS,
    errors.InvalidState: INVALID_STATE,
    errors.ParamChanged: INVALID_PARAMETER_VALUE,
    errors.QuotaExceeded: RESOURCE_EXHAUSTED,
    errors.SchemaMismatch: INTERNAL_ERROR,
    errors.SubmitFailed: INTERNAL_ERROR,
    errors.StoreUnavailable: TEMPORARILY_UNAVAILABLE,
}


def translated(method: Callable[P, R]) -> Callable[P, R]:
    """Wrap a function: raise our errors as MLflow's, and accept the arguments of a later MLflow if they are empty.

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

    return call


def mlflow_error(error: errors.BridgeError) -> MlflowException:
    """Return MLflow's exception for an error of ours. It has MLflow's message if clients compare that message."""
    code = ERROR_CODES.get(type(error), INTERNAL_ERROR)
    sentence = error.sentence
    if isinstance(error, errors.NotFound):
        if error.kind == "run":
            sentence = f"Run with id={error.name} not found"
        elif error.kind == "experiment":
            sentence = f"No Experiment with id={error.name} exists"
    elif isinstance(error, errors.ParamChanged):
        clashes = [{"key": key, "old_value": old, "new_value": new} for key, old, new in error.changes]
        clash = f"Params were already logged='{clashes}' for run ID='{error.run_id}'."
        sentence = f"Changing param values is not allowed. {clash}"
    elif isinstance(error, errors.InvalidState) and error.state == "deleted":
        code = INVALID_PARAMETER_VALUE
        sentence = f"The {error.kind} {error.name} must be in the 'active' state. Current state is deleted."
    elif isinstance(error, errors.AlreadyExists) and error.kind == "experiment":
        sentence = f"Experiment(name={error.name}) already exists. Error: {error.sentence}"
    return MlflowException(sentence, code)


def changed_param_error(error: errors.ParamChanged) -> MlflowException:
    """Return MLflow's error for one logged param that would change."""
    key, old, new = error.changes[0]
    return MlflowException(
        f"Changing param values is not allowed. Param with key='{key}' was already logged with value='{old}'"
        f" for run ID='{error.run_id}'. Attempted logging new value '{new}'.",
        INVALID_PARAMETER_VALUE,
    )


def name_taken_error(name: str) -> MlflowException:
    """Return MLflow's error for renaming an experiment to a name that is taken."""
    return MlflowException(f"Experiment(name={name}) already exists.", BAD_REQUEST)


def missing_tag_error(key: str, of: str) -> MlflowException:
    """Return MLflow's error for deleting a tag that does not exist.

    `of` is the object of the tag, for example `run with id 5f0c`.
    """
    return MlflowException(f"No tag with name: {key} in {of}", RESOURCE_DOES_NOT_EXIST)


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
