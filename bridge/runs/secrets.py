"""Secrets of a script, which are environment variables here."""

from __future__ import annotations

import os
from collections.abc import Iterable

from bridge.errors import InvalidValue, NotFound
from bridge.records.labels import check_keys


def get_secret(name: str) -> str:
    """Return the value of the variable of a name, or of its spelling in capitals with underscores.

    A vault's names have dashes, which a shell's variables cannot have: "db-password" is `DB_PASSWORD` too.

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
    """Return secrets by name, as `get_secret` does; None for a secret that is not set.

    Args:
        names: several names, or one.

    Raises:
        InvalidValue: a name is not text.
    """
    return {name: os.environ.get(name, os.environ.get(_variable(name))) for name in check_keys("secret", names)}


def _variable(name: str) -> str:
    return name.upper().replace("-", "_")
