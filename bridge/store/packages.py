"""Packages that readers need, and that the interpreter of a submitted script may not have."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from bridge.errors import NotFound

_found: dict[str, bool] = {}


def has_package(name: str) -> bool:
    """Whether a package can be imported; it is looked for once."""
    if name in sys.modules:
        return sys.modules[name] is not None
    if name not in _found:
        _found[name] = find_spec(name) is not None
    return _found[name]


def check_package(name: str, what: str, install: str = "") -> None:
    """Ask for a package before it is used.

    Args:
        name: what is imported.
        what: what needs it, as the beginning of a sentence.
        install: what pip calls it; by default the same.

    Raises:
        NotFound: this interpreter does not have it.
    """
    if not has_package(name):
        raise NotFound("package", name, f"{what} needs it, so pip install {install or name}")
