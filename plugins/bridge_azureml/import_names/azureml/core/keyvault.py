"""`azureml.core.keyvault` on Runbridge: each use raises an error that names a substitute."""

from bridge_azureml.absent import attribute_finder
from bridge_azureml.data import Keyvault

__all__ = ["Keyvault"]

__getattr__ = attribute_finder(__name__)
