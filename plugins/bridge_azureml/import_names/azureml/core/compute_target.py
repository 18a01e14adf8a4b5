"""`azureml.core.compute_target` on Runbridge."""

from bridge_azureml.absent import attribute_finder

from bridge.errors import NotFound
from bridge.handles.compute import ComputeTarget

ComputeTargetException = NotFound

__all__ = ["ComputeTarget", "ComputeTargetException"]

__getattr__ = attribute_finder(__name__)
