"""`azureml.core.conda_dependencies` on Runbridge."""

from bridge.submit.conda import CondaDependencies

__all__ = ["CondaDependencies"]
