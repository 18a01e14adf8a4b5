"""Secrets of a script, which are environment variables here."""

from __future__ import annotations

import os

from bridge.errors import NotFound


def find_secret(name: str) -> str | None:
    """Return the value of the variable of a name, or of its spelling in capitals with underscores; None if unset.

    A vault's names have dashes, which a shell's variables cannot have: "db-password" is `DB_PASSWORD` too.
    """
    return os.environ.get(name, os.environ.get(_variable(name)))


def get_secret(name: str) -> str:
    """Return the same.

    Raises:
        NotFound: neither variable is set.
    """
    value = find_secret(name)
    if value is None:
        raise NotFound("secret", name, f"set the environment variable {_variable(name)}")
    return value


def _variable(name: str) -> str:
    return name.upper().replace("-", "_")
