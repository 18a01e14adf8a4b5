"""`azureml.core.compute_target` on Runbridge."""

from bridge.errors import NotFound
from bridge_azureml.compute import ComputeTarget

ComputeTargetException = NotFound

__all__ = ["ComputeTarget", "ComputeTargetException"]
