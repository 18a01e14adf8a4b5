"""Texts for values, which differ if the values differ in type or in a bit."""

from __future__ import annotations

from typing import Any

from bridge.testing.strategies import bits_of


def spelled(value: Any) -> Any:
    """Return a text for a value with all types in it, the order of dicts, and the bits of floats."""
    if type(value) is dict:
        return "dict", [(key, spelled(below)) for key, below in value.items()]
    if type(value) in (list, tuple):
        return type(value).__name__, [spelled(below) for below in value]
    return type(value).__name__, bits_of(value) if type(value) is float else value
