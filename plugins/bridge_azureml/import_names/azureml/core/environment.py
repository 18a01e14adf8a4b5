"""`azureml.core.environment` on Runbridge."""

from bridge.submit.conda import CondaDependencies
from bridge.submit.environment import Environment

__all__ = ["CondaDependencies", "Environment"]
