"""The secrets of a script. With Runbridge, they are environment variables."""

from __future__ import annotations

import os
from collections.abc import Iterable

from bridge.errors import InvalidValue, NotFound
from bridge.records.labels import check_keys


def get_secret(name: str) -> str:
    """Return the value of the environment variable `name`, or of the variable with this name in shell spelling.

    The shell spelling has capitals, and underscores instead of dashes: `DB_PASSWORD` for "db-password". Names of
    secrets in Azure contain dashes, but names of variables in a shell cannot.

    Raises:
        InvalidValue: the name is not text.
        NotFound: neither variable is set.
    """
    if not isinstance(name, str):
        raise InvalidValue("secret", name, "must be text")
    value = find_secrets(name)[name]
    if value is None:
        raise NotFound("secret", name, f"set the environment variable {_variable(name)}")
    return value


def find_secrets(names: str | Iterable[str]) -> dict[str, str | None]:
    """Return the values of secrets by name, as `get_secret` does. The value is None if the secret is not set.

    Args:
        names: one name or several.

    Raises:
        InvalidValue: a name is not text.
    """
    return {name: os.environ.get(name, os.environ.get(_variable(name))) for name in check_keys("secret", names)}


def _variable(name: str) -> str:
    return name.upper().replace("-", "_")
