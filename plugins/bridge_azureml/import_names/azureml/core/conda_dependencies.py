"""`azureml.core.conda_dependencies` on Runbridge."""

from bridge.submit.environment import CondaDependencies

__all__ = ["CondaDependencies"]
