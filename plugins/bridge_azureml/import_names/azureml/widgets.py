"""`azureml.widgets` on Runbridge."""

from bridge_azureml.details import RunDetails

__all__ = ["RunDetails"]
