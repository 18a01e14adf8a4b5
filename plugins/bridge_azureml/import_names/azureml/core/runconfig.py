"""`azureml.core.runconfig` on Runbridge."""

from bridge.submit.environment import default_image
from bridge.submit.script import DockerConfiguration, RunConfiguration

DEFAULT_CPU_IMAGE = default_image()
"""The image of an environment that names none: Python's own."""

__all__ = ["DEFAULT_CPU_IMAGE", "DockerConfiguration", "RunConfiguration"]
