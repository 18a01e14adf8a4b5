"""`azureml.core.conda_dependencies` on Runbridge."""

from bridge.environments.conda import CondaDependencies
from bridge_azureml.absent import attribute_finder

__all__ = ["CondaDependencies"]

__getattr__ = attribute_finder(__name__)
