"""Packages that some operations need, for example numpy, but that the interpreter of a script may not have."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from bridge.errors import NotFound

_found: dict[str, bool] = {}


def has_package(name: str) -> bool:
    """Return whether a package can be imported. The result is cached."""
    if name in sys.modules:
        return sys.modules[name] is not None
    if name not in _found:
        _found[name] = find_spec(name) is not None
    return _found[name]


def check_package(name: str, what: str, install: str = "") -> None:
    """Raise an error if a package cannot be imported.

    Args:
        name: the name of the package in an `import` statement.
        what: the operation that needs the package, as the beginning of a sentence.
        install: the name of the package for pip; by default the same name.

    Raises:
        NotFound: this interpreter does not have the package.
    """
    if not has_package(name):
        raise NotFound("package", name, f"{what} needs it. Run: pip install {install or name}")
