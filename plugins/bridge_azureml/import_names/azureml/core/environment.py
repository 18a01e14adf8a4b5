"""`azureml.core.environment` on Runbridge."""

from bridge.environments.conda import CondaDependencies
from bridge.environments.environment import Environment

__all__ = ["CondaDependencies", "Environment"]
