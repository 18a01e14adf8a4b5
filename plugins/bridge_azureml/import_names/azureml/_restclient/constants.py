"""`azureml._restclient.constants` on Runbridge: the names of statuses."""

from bridge_azureml.absent import attribute_finder
from bridge_azureml.statuses import RunStatus

__all__ = ["RunStatus"]

__getattr__ = attribute_finder(__name__)
