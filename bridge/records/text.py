"""Text that can be stored: UTF-8 can encode it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeGuard

from bridge.errors import InvalidValue

RULE = "must be text that UTF-8 can encode"
"""Python reads a file name or variable that is not UTF-8 as text with halves of characters. They cannot be encoded."""


def is_encodable(*texts: str) -> bool:
    """Return whether UTF-8 can encode all of these texts."""
    try:
        for text in texts:
            text.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_encodable(what: str, text: str) -> str:
    """Return the text, if UTF-8 can encode it.

    Raises:
        InvalidValue: it cannot.
    """
    if not is_encodable(text):
        raise InvalidValue(what, text, RULE)
    return text


def as_text(what: str, value: object) -> str:
    """Return a value as text.

    Raises:
        InvalidValue: it is an integer with too many digits for Python to write it.
    """
    try:
        return str(value)
    except ValueError as error:
        raise InvalidValue(what, value, "must be something that Python can write as text") from error


def is_list(values: object) -> TypeGuard[Iterable[object]]:
    """Return whether a value can be iterated over, and is neither one text nor a mapping."""
    return isinstance(values, Iterable) and not isinstance(values, (str, bytes, Mapping))


def as_texts(what: str, values: object) -> tuple[str, ...]:
    """Return the values of a list as texts; none for None.

    Raises:
        InvalidValue: it is not a list, for example one text.
    """
    if values is None:
        return ()
    if not is_list(values):
        raise InvalidValue(what, values, "must be a list of values")
    return tuple(as_text(what, value) for value in values)


def escaped(text: str) -> str:
    """Return the text with each half of a character replaced by its number, as in `\\udcff`."""
    return text.encode(errors="backslashreplace").decode()


def check_text_or_none(what: str, value: object) -> str | None:
    """Return the text, or None.

    Raises:
        InvalidValue: the value is neither, or UTF-8 cannot encode it.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidValue(what, value, "must be text")
    return check_encodable(what, value)
