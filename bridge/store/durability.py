"""Durability: the failures that a logged point survives."""

from __future__ import annotations

import os
from typing import Literal, get_args

from bridge.errors import InvalidValue

Durability = Literal["process", "power"]
"""A point survives the death of the process ("process"), or of the machine too ("power"), once the call returns."""


def durability_of(chosen: str | None) -> Durability:
    """Return the durability that a caller chose, else that of `BRIDGE_DURABILITY`, else "process".

    Raises:
        InvalidValue: there is no such durability.
    """
    return wanted_durability(chosen) or "process"


def wanted_durability(chosen: str | None) -> Durability | None:
    """Return the durability that a caller or `BRIDGE_DURABILITY` asks for, or None if neither does.

    Raises:
        InvalidValue: there is no such durability.
    """
    value = chosen or os.environ.get("BRIDGE_DURABILITY")
    if not value:
        return None
    if value not in get_args(Durability):
        raise InvalidValue("durability", value, f"must be one of {', '.join(get_args(Durability))}")
    return "power" if value == "power" else "process"
