"""The checks of parameters that MLflow's server makes after it has read a request, with its error messages.

Source: MLflow 3.17.2, `mlflow.server.handlers._validate_param_against_schema`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bridge_mlflow.rules import invalid_value, missing_value
from bridge_mlflow.translate.refusals import Refusal

SEE_DOCS = " See the API docs for more information about request parameters."


class Failed(Exception):
    """A parameter that does not pass a check. Without a message, the error names the parameter and its value."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message


Check = Callable[[Any], None]


def required(value: Any) -> None:
    """Check that a value was given."""
    if value is None or value == "":
        raise Failed


def text(value: Any) -> None:
    """Check that a value is text."""
    if not isinstance(value, str):
        raise Failed


def integer(value: Any) -> None:
    """Check that a value is an integer, or the text of one."""
    try:
        int(value)
    except ValueError:
        raise Failed from None


def number(value: Any) -> None:
    """Check that a value is a number, or the text of one."""
    try:
        float(value)
    except ValueError:
        raise Failed from None


def array(value: Any) -> None:
    """Check that a value is a list."""
    if not isinstance(value, list):
        raise Failed


def array_of_texts(value: Any) -> None:
    """Check that all items of a list are texts."""
    if not all(isinstance(item, str) for item in value):
        raise Failed


TYPES = frozenset((text, integer, number, array, array_of_texts))
"""Checks of types. They are not made if protobuf has accepted all values."""


def at_most(greatest: int) -> Check:
    """Return a check that a number is not too large."""

    def check(value: Any) -> None:
        if int(value) > greatest:
            raise Failed

    return check


def within(least: int, greatest: int, message: str) -> Check:
    """Return a check that a number is in a range."""

    def check(value: Any) -> None:
        if not least <= int(value) <= greatest:
            raise Failed(message)

    return check


def no_longer_than(greatest: int, message: str) -> Check:
    """Return a check that a list is not too long. In the message, `{}` stands for its length."""

    def check(value: Any) -> None:
        if len(value) > greatest:
            raise Failed(message.format(len(value)))

    return check


def with_fields(place: str, *names: str) -> Check:
    """Return a check that each object of a list has some fields."""

    def check(value: Any) -> None:
        for index, item in enumerate(value):
            for name in names:
                if item.get(name) is None or item.get(name) == "":
                    raise Failed(missing_value(f"{place}[{index}].{name}"))

    return check


Schema = Mapping[str, Sequence[Check]]


def check_request(given: Mapping[str, Any], schema: Schema, is_parsed: bool) -> None:
    """Check the parameters of a request.

    Args:
        given: the parameters.
        schema: the checks of each parameter.
        is_parsed: whether protobuf has accepted all values.

    Raises:
        Refusal: a parameter does not pass a check.
    """
    for name, checks in schema.items():
        if name not in given and required not in checks:
            continue
        value = given.get(name)
        if name == "run_id" and value is None and "run_uuid" in given:
            value = given["run_uuid"]
        for check in checks:
            if not (is_parsed and check in TYPES):
                _make(check, name, value)


def _make(check: Check, name: str, value: Any) -> None:
    try:
        check(value)
    except Failed as failed:
        message = failed.message
        if not message and check is required:
            message = missing_value(name)
        if not message:
            message = invalid_value(name, value, f" Hint: Value was of type '{type(value).__name__}'.")
    except (TypeError, ValueError, AttributeError, OverflowError):
        # MLflow's server fails here, with a page of HTML.
        message = f"Invalid value for parameter '{name}' supplied."
    else:
        return
    raise Refusal(message + SEE_DOCS)
