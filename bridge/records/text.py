"""Checks that a text can be stored, that is, that UTF-8 can encode it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeGuard

from bridge.errors import InvalidValue

RULE = "must be text that UTF-8 can encode"
"""The rule for all stored texts.

If a file name or an environment variable is not UTF-8, Python replaces its bytes by surrogates, which UTF-8 cannot
encode.
"""


def is_encodable(*texts: str) -> bool:
    """Return whether UTF-8 can encode all of these texts."""
    try:
        for text in texts:
            text.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_encodable(what: str, text: str) -> str:
    """Check that UTF-8 can encode a text, and return the text.

    Raises:
        InvalidValue: UTF-8 cannot encode the text.
    """
    if not is_encodable(text):
        raise InvalidValue(what, text, RULE)
    return text


def as_text(what: str, value: object) -> str:
    """Return a value as text.

    Raises:
        InvalidValue: the value is an integer with more digits than Python converts to text.
    """
    try:
        return str(value)
    except ValueError as error:
        rule = "must not be an integer with more digits than Python converts to text"
        raise InvalidValue(what, value, rule) from error


def is_list(values: object) -> TypeGuard[Iterable[object]]:
    """Return whether a value can be iterated over and is neither text, bytes nor a mapping."""
    return isinstance(values, Iterable) and not isinstance(values, (str, bytes, Mapping))


def as_texts(what: str, values: object) -> tuple[str, ...]:
    """Return the values of a list as texts. Return an empty tuple for None.

    Raises:
        InvalidValue: `values` is not a list, but for example a text.
    """
    if values is None:
        return ()
    if not is_list(values):
        raise InvalidValue(what, values, "must be a list of values")
    return tuple(as_text(what, value) for value in values)


def escaped(text: str) -> str:
    """Return the text with each surrogate replaced by its escape sequence, such as `\\udcff`."""
    return text.encode(errors="backslashreplace").decode()


def check_text_or_none(what: str, value: object) -> str | None:
    """Check that a value is None or a text that can be stored, and return the value.

    Raises:
        InvalidValue: the value is neither text nor None, or UTF-8 cannot encode the text.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidValue(what, value, "must be text")
    return check_encodable(what, value)
