"""`azureml.core.environment` on Runbridge."""

from bridge.environments.conda import CondaDependencies
from bridge.environments.environment import Environment
from bridge_azureml.absent import attribute_finder

__all__ = ["CondaDependencies", "Environment"]

__getattr__ = attribute_finder(__name__)
