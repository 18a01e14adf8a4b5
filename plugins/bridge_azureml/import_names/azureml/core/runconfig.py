"""`azureml.core.runconfig` on Runbridge."""

from bridge.submit.environment import DEFAULT_CPU_IMAGE
from bridge.submit.script import DockerConfiguration, RunConfiguration

__all__ = ["DEFAULT_CPU_IMAGE", "DockerConfiguration", "RunConfiguration"]
