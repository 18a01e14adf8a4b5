"""Values spelled out, so that those that differ in type or in a bit are spelled differently."""

from __future__ import annotations

from typing import Any

from bridge.testing.strategies import bits_of


def spelled(value: Any) -> Any:
    """A value, with the types of everything in it, the order of dicts, and the bits of floats."""
    if type(value) is dict:
        return "dict", [(key, spelled(below)) for key, below in value.items()]
    if type(value) in (list, tuple):
        return type(value).__name__, [spelled(below) for below in value]
    return type(value).__name__, bits_of(value) if type(value) is float else value
