"""`azureml.core.compute` on Runbridge: each kind of target is this computer."""

from bridge.errors import NotFound
from bridge.handles.compute import ComputeTarget
from bridge_azureml.absent import attribute_finder

AmlCompute = ComputeInstance = RemoteCompute = ComputeTarget
ComputeTargetException = NotFound

__all__ = ["AmlCompute", "ComputeInstance", "ComputeTarget", "ComputeTargetException", "RemoteCompute"]

__getattr__ = attribute_finder(__name__)
