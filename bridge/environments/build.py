"""Builds an environment before a run needs it."""

from __future__ import annotations

import logging

from bridge.environments.build_failure import SEE_LOG
from bridge.environments.docker import image_of
from bridge.environments.interpreter import interpreter_for
from bridge.environments.substitutes import is_docker_off
from bridge.errors import SubmitFailed
from bridge.records.script import EnvironmentDefinition

logger = logging.getLogger("bridge")


class EnvironmentBuild:
    """An environment that has been built.

    Attributes:
        status: always "Succeeded", because a build that fails raises an error.
        log: the output of the build.

    Source: Azure ML SDK v1, `azureml.core.environment.ImageBuildDetails`.
    """

    status = "Succeeded"

    def __init__(self, log: str) -> None:
        self.log = log

    def wait_for_completion(self, show_output: bool = True) -> None:
        """Return immediately. With `show_output`, print the output of the build."""
        if show_output:
            print(self.log, end="")


def build_environment(environment: EnvironmentDefinition) -> EnvironmentBuild:
    """Build an environment. Do nothing if it was built before.

    With `BRIDGE_DOCKER=0`, scripts run without a container. A virtual environment is then built instead of an image.

    Raises:
        SubmitFailed: the build failed, or the interpreter of the environment does not exist. The output of the build is
            logged.
        InvalidValue: a conda package is not a Python package, or its version cannot be translated for pip.
    """
    printed: list[bytes] = []
    try:
        if environment.docker.enabled and not is_docker_off():
            image_of(environment, printed.append)
        else:
            interpreter_for(environment.python, printed.append)
    except SubmitFailed as error:
        if printed:  # the output is logged here, because no run stores it
            logger.error("The environment %r was not built:\n%s", environment.name, _text(printed))
        raise SubmitFailed(error.command, error.exit_code, error.reason.removesuffix(SEE_LOG)) from None
    return EnvironmentBuild(_text(printed))


def _text(printed: list[bytes]) -> str:
    return b"".join(printed).decode("utf-8", "replace")
