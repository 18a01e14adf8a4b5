"""Checks the environment variables of a script, and other texts that are passed to its process."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping

from bridge.errors import InvalidValue, Problem
from bridge.records.text import as_text


def checked_variables(key: str, variables: object) -> dict[str, str]:
    """Return environment variables with their values as text.

    Args:
        key: the name of the argument or setting that contains the variables. The error message quotes it.
        variables: the variables.

    Raises:
        InvalidValue: the variables cannot be passed to a process. The error contains all mistakes.
    """
    problems = tuple(problems_of_variables(key, variables))
    if problems:
        raise InvalidValue(*problems[0], others=problems[1:])
    assert isinstance(variables, Mapping)
    return {name: str(value) for name, value in variables.items()}


def problems_of_variables(key: str, variables: object) -> Iterator[Problem]:
    """Yield the reasons why environment variables cannot be passed to a process."""
    names = variables if isinstance(variables, Mapping) else [""]
    if not all(isinstance(name, str) and name and "=" not in name for name in names):
        yield Problem(key, variables, "must be a dict of the names and values of variables")
    if isinstance(variables, Mapping):
        what = "environment variable"
        for text in (text for pair in variables.items() for text in pair):
            yield from problems_of_text(what, as_text(what, text))


def problems_of_text(key: str, text: str) -> Iterator[Problem]:
    """Yield the reason if a text cannot be passed to a process."""
    if "\0" in text:
        yield Problem(key, text, "must not contain a null character")
    elif not _is_encodable_here(text):
        yield Problem(key, text, f"must be text that can be encoded as {sys.getfilesystemencoding()}")


def _is_encodable_here(text: str) -> bool:
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True
