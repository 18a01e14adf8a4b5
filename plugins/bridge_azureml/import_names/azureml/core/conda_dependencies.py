"""`azureml.core.conda_dependencies` on Runbridge."""

from bridge.environments.conda import CondaDependencies

__all__ = ["CondaDependencies"]
