"""The folder of what belongs to a person and not to one workspace."""

from __future__ import annotations

import os
from pathlib import Path


def home_folder() -> Path:
    """Where workspaces lie that are named without a path, and what is kept between them: `$BRIDGE_HOME`, else
    `~/.bridge`."""
    return Path(os.environ.get("BRIDGE_HOME") or "~/.bridge").expanduser()
