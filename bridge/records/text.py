"""Text that can be stored: what UTF-8 can spell."""

from __future__ import annotations

from bridge.errors import InvalidValue

RULE = "must be text that UTF-8 can spell"
"""Python's text may hold halves of characters, as file names and variables that are not UTF-8 bring them."""


def is_spellable(*texts: str) -> bool:
    """Return whether UTF-8 can spell all of these texts."""
    try:
        for text in texts:
            text.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_spellable(what: str, text: str) -> str:
    """Return the text, if UTF-8 can spell it.

    Raises:
        InvalidValue: it cannot.
    """
    if not is_spellable(text):
        raise InvalidValue(what, text, RULE)
    return text


def as_text(what: str, value: object) -> str:
    """Return a value as text.

    Raises:
        InvalidValue: it is an integer of so many digits that Python does not write it.
    """
    try:
        return str(value)
    except ValueError as error:
        raise InvalidValue(what, value, "must be something that Python can write as text") from error


def spelled(text: str) -> str:
    """Return the text, with each half of a character replaced by its number, as in `\\udcff`."""
    return text.encode(errors="backslashreplace").decode()


def check_text_or_none(what: str, value: object) -> str | None:
    """The text, or None.

    Raises:
        InvalidValue: it is neither, or UTF-8 cannot spell it.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidValue(what, value, "must be text")
    return check_spellable(what, value)
