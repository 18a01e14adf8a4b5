"""`azureml._restclient` on Runbridge: a private package of the SDK, from which scripts import names of statuses."""

from bridge_azureml.absent import attribute_finder

__getattr__ = attribute_finder(__name__)
