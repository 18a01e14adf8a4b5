"""Names of workspaces and experiments that are made of the name of a folder."""

from __future__ import annotations

import re
from pathlib import Path

from bridge.address import WORKSPACE_NAME_BYTES


def allowed_name(folder: Path, default: str) -> str:
    """Return the name of a folder, with a dash for each part that is not allowed in a name.

    Args:
        folder: the folder.
        default: the result if no part of the name is allowed.
    """
    name = re.sub(r"[^\w-]+", "-", folder.absolute().resolve().name)
    name = re.sub(r"^[^a-zA-Z0-9]+", "", name).rstrip("-")
    return name.encode()[:WORKSPACE_NAME_BYTES].decode(errors="ignore") or default
