"""`azureml.core.environment` on Runbridge."""

from bridge.submit.environment import CondaDependencies, Environment

__all__ = ["CondaDependencies", "Environment"]
