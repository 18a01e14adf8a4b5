"""The name of the user who has started this process."""

from __future__ import annotations

import getpass


def own_user() -> str:
    """Return the name of the user of this computer, or `owner` if the user id has no name, as in some containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "owner"
