"""How long the tests run that draw their input or inject faults."""

from __future__ import annotations

import os

SCALE = int(os.environ.get("RUNBRIDGE_LONG", "1"))
"""How many times as long as in CI; above 1, random tests draw new input each time."""
LONG = SCALE > 1
