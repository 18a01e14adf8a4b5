"""`azureml.core.runconfig` on Runbridge."""

from bridge.environments.environment import default_image
from bridge.launch.runconfig import DockerConfiguration, RunConfiguration

DEFAULT_CPU_IMAGE = default_image()
"""The image of an environment that names none: Python's own."""

__all__ = ["DEFAULT_CPU_IMAGE", "DockerConfiguration", "RunConfiguration"]
