"""What Runbridge answers otherwise than MLflow's own SQL store, and why: deviations.toml."""

from __future__ import annotations

import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # which pytest brings there

DEVIATIONS: dict[str, dict[str, str]] = tomllib.loads(
    (Path(__file__).parent / "deviations.toml").read_text(encoding="utf-8")
)
