"""`azureml.core.runconfig` on Runbridge."""

from bridge.environments.conda import CondaDependencies
from bridge.environments.environment import Environment
from bridge.environments.sections import DockerSection, PythonSection, default_image
from bridge.launch.distributed import MpiConfiguration, PyTorchConfiguration, TensorflowConfiguration
from bridge.launch.runconfig import DockerConfiguration, RunConfiguration
from bridge_azureml.absent import attribute_finder

DEFAULT_CPU_IMAGE = DEFAULT_GPU_IMAGE = default_image()
"""The container image of an environment that names no image: the official image of Python."""

__all__ = [
    "DEFAULT_CPU_IMAGE",
    "DEFAULT_GPU_IMAGE",
    "CondaDependencies",
    "DockerConfiguration",
    "DockerSection",
    "Environment",
    "MpiConfiguration",
    "PyTorchConfiguration",
    "PythonSection",
    "RunConfiguration",
    "TensorflowConfiguration",
]

__getattr__ = attribute_finder(__name__)
