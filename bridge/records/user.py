"""The user of this process."""

from __future__ import annotations

import os
import pwd

from bridge.records.text import escaped


def user_name() -> str:
    """Return the name of the user of this process; "unknown" if the user has no name."""
    named = os.environ.get("LOGNAME") or os.environ.get("USER")
    try:
        return escaped(named or pwd.getpwuid(os.getuid()).pw_name)
    except KeyError:  # the user id has no name, as in many containers
        return "unknown"
