"""The user of this process."""

from __future__ import annotations

import os
import pwd

from bridge.records.text import spelled


def user_name() -> str:
    """Who runs this process."""
    named = os.environ.get("LOGNAME") or os.environ.get("USER")
    try:
        return spelled(named or pwd.getpwuid(os.getuid()).pw_name)
    except KeyError:  # a user id without a name, as in many containers
        return "unknown"
