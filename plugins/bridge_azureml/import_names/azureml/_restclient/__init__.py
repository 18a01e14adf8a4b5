"""`azureml._restclient` on Runbridge: the SDK's private client, of which scripts use the names of statuses."""

from bridge_azureml.absent import attribute_finder

__getattr__ = attribute_finder(__name__)
