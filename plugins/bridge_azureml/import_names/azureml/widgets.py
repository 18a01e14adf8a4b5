"""`azureml.widgets` on Runbridge."""

from bridge_azureml.absent import attribute_finder
from bridge_azureml.details import RunDetails

__all__ = ["RunDetails"]

__getattr__ = attribute_finder(__name__)
