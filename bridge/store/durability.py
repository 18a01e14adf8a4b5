"""Durability: the failures that a logged point survives."""

from __future__ import annotations

import os
from typing import Literal, get_args

from bridge.errors import InvalidValue

Durability = Literal["process", "power"]
"""The failures that a point survives after the log call has returned.

"process": the end of the process, even by a kill. "power": also a power failure or a crash of the machine.
"""


def durability_of(chosen: str | None) -> Durability:
    """Return the durability that a caller chose, else that of `BRIDGE_DURABILITY`, else "process".

    Raises:
        InvalidValue: the durability is neither "process" nor "power".
    """
    return wanted_durability(chosen) or "process"


def wanted_durability(chosen: str | None) -> Durability | None:
    """Return the durability that a caller chose, else that of `BRIDGE_DURABILITY`, else None.

    Raises:
        InvalidValue: the durability is neither "process" nor "power".
    """
    value = chosen or os.environ.get("BRIDGE_DURABILITY")
    if not value:
        return None
    if value not in get_args(Durability):
        raise InvalidValue("durability", value, f"must be one of {', '.join(get_args(Durability))}")
    return "power" if value == "power" else "process"
