"""The names of workspaces in addresses."""

from __future__ import annotations

import re

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,32}")
"""The form of a workspace's name in an address. Names are compared exactly."""

RESERVED = frozenset(
    {
        "api",
        "ajax-api",
        "graphql",
        "healthz",
        "login",
        "logout",
        "metrics",
        "portal",
        "readyz",
        "static",
        "static-files",
        "w",
    }
)
