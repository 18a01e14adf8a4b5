"""Gives names that exist only in Azure ML a meaning on this computer, so that Azure ML scripts run unchanged."""

from __future__ import annotations

import logging
import os

from bridge.errors import InvalidValue, NotFound

logger = logging.getLogger("bridge")

LOCAL = "local"
"""The name of this computer as a compute target."""

CURATED = "AzureML-"
"""The prefix of the names of curated environments, which Azure ML provides.

Source: Azure ML SDK v1, "Use a curated environment".
"""

STRICT, DOCKER = "BRIDGE_STRICT", "BRIDGE_DOCKER"

_reported = False


def is_strict() -> bool:
    """Return whether `BRIDGE_STRICT` is 1. If so, a name that exists only in Azure ML is an error."""
    return os.environ.get(STRICT) == "1"


def is_docker_off() -> bool:
    """Return whether `BRIDGE_DOCKER` is 0. If so, scripts that request Docker run without Docker."""
    return os.environ.get(DOCKER) == "0"


def accept_target(name: object) -> str:
    """Check the name of a compute target, and return it.

    Log a warning when this process first uses another name than "local".

    Raises:
        InvalidValue: the name is not text, or is empty.
        NotFound: `BRIDGE_STRICT` is 1, and the name is not "local".
    """
    global _reported
    if not isinstance(name, str) or not name:
        raise InvalidValue("compute target", name, "must be the name of a compute target, such as 'local'")
    if name == LOCAL:
        return name
    if is_strict():
        raise NotFound("compute target", name, "use 'local', because all scripts run on this computer")
    if not _reported:
        _reported = True
        logger.warning(
            "Scripts for the compute target %r run on this computer, because Runbridge has no clusters."
            " Set %s=1 to get an error instead.",
            name,
            STRICT,
        )
    return name


def is_curated(name: object) -> bool:
    """Return whether a name is that of a curated environment. Always return False if `BRIDGE_STRICT` is 1."""
    return isinstance(name, str) and name.startswith(CURATED) and not is_strict()
