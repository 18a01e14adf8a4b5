"""`azureml.core.compute_target` on Runbridge."""

from bridge.errors import NotFound
from bridge.handles.compute import ComputeTarget
from bridge_azureml.absent import attribute_finder

ComputeTargetException = NotFound

__all__ = ["ComputeTarget", "ComputeTargetException"]

__getattr__ = attribute_finder(__name__)
