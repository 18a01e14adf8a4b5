"""`azureml.core.compute` on Runbridge."""

from bridge_azureml.compute import AmlCompute, ComputeInstance, ComputeTarget, RemoteCompute

__all__ = ["AmlCompute", "ComputeInstance", "ComputeTarget", "RemoteCompute"]
