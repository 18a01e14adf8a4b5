"""Names of the Azure ML service and their meaning on this computer, so that Azure ML scripts run unchanged."""

from __future__ import annotations

import logging
import os

from bridge.errors import InvalidValue, NotFound

logger = logging.getLogger("bridge")

LOCAL = "local"
"""The name of this computer as a compute target."""

CURATED = "AzureML-"
"""The names of Azure's curated environments begin so.

Source: Azure ML SDK v1, "Use a curated environment".
"""

STRICT, DOCKER = "BRIDGE_STRICT", "BRIDGE_DOCKER"

_reported = False


def is_strict() -> bool:
    """Return whether a name of the service is an error: `BRIDGE_STRICT` is 1."""
    return os.environ.get(STRICT) == "1"


def is_docker_off() -> bool:
    """Return whether scripts that request Docker run without it: `BRIDGE_DOCKER` is 0."""
    return os.environ.get(DOCKER) == "0"


def accept_target(name: object) -> str:
    """Return the name of a compute target; the first that is not "local" is reported in the log.

    Raises:
        InvalidValue: the name is no text, or empty.
        NotFound: `BRIDGE_STRICT` is 1, and the name is not "local".
    """
    global _reported
    if not isinstance(name, str) or not name:
        raise InvalidValue("compute target", name, "must be the name of a compute target, such as 'local'")
    if name == LOCAL:
        return name
    if is_strict():
        raise NotFound("compute target", name, "scripts run on this computer, which is called 'local'")
    if not _reported:
        _reported = True
        logger.warning(
            "The compute target %r means this computer: Runbridge has no clusters. %s=1 makes its name an error.",
            name,
            STRICT,
        )
    return name


def is_curated(name: object) -> bool:
    """Return whether the name is one of Azure's curated environments, which mean the interpreter that submits."""
    return isinstance(name, str) and name.startswith(CURATED) and not is_strict()
