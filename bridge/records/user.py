"""The user of this process."""

from __future__ import annotations

import os
import pwd

from bridge.records.text import escaped


def user_name() -> str:
    """Return the name of the user that runs this process; "unknown" if the user has none."""
    named = os.environ.get("LOGNAME") or os.environ.get("USER")
    try:
        return escaped(named or pwd.getpwuid(os.getuid()).pw_name)
    except KeyError:  # a user id without a name, as in many containers
        return "unknown"
