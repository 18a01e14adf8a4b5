"""Refusals of calls, with MLflow's error codes and sentences. This module does not import MLflow."""

from __future__ import annotations

from collections.abc import Mapping

from bridge import errors


class Refusal(Exception):
    """A call that MLflow's API refuses.

    Attributes:
        sentence: what is wrong, in MLflow's words if its clients compare them.
        code: MLflow's error code.
    """

    def __init__(self, sentence: str, code: str = "INVALID_PARAMETER_VALUE") -> None:
        super().__init__(sentence)
        self.sentence, self.code = sentence, code


CODES: Mapping[type[errors.BridgeError], str] = {
    errors.InvalidValue: "INVALID_PARAMETER_VALUE",
    errors.NotAuthenticated: "UNAUTHENTICATED",
    errors.NotAllowed: "PERMISSION_DENIED",
    errors.NotFound: "RESOURCE_DOES_NOT_EXIST",
    errors.AlreadyExists: "RESOURCE_ALREADY_EXISTS",
    errors.InvalidState: "INVALID_STATE",
    errors.ParamChanged: "INVALID_PARAMETER_VALUE",
    errors.QuotaExceeded: "RESOURCE_EXHAUSTED",
    errors.SchemaMismatch: "INTERNAL_ERROR",
    errors.SubmitFailed: "INTERNAL_ERROR",
    errors.StoreUnavailable: "TEMPORARILY_UNAVAILABLE",
    errors.TooManyRequests: "REQUEST_LIMIT_EXCEEDED",
}


def refusal_of(error: errors.BridgeError) -> Refusal:
    """Return the refusal for an error of ours. It has MLflow's message if clients compare that message."""
    code = CODES.get(type(error), "INTERNAL_ERROR")
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
        code = "INVALID_PARAMETER_VALUE"
        sentence = f"The {error.kind} {error.name} must be in the 'active' state. Current state is deleted."
    elif isinstance(error, errors.AlreadyExists) and error.kind == "experiment":
        sentence = f"Experiment(name={error.name}) already exists. Error: {error.sentence}"
    return Refusal(sentence, code)


def changed_param(error: errors.ParamChanged) -> Refusal:
    """Return MLflow's refusal of one logged param that would change."""
    key, old, new = error.changes[0]
    return Refusal(
        f"Changing param values is not allowed. Param with key='{key}' was already logged with value='{old}'"
        f" for run ID='{error.run_id}'. Attempted logging new value '{new}'."
    )


def name_taken(name: str) -> Refusal:
    """Return MLflow's refusal of renaming an experiment to a name that is taken."""
    return Refusal(f"Experiment(name={name}) already exists.", "BAD_REQUEST")


def missing_tag(key: str, of: str) -> Refusal:
    """Return MLflow's refusal of deleting a tag that does not exist.

    `of` is the object of the tag, for example `run with id 5f0c`.
    """
    return Refusal(f"No tag with name: {key} in {of}", "RESOURCE_DOES_NOT_EXIST")
