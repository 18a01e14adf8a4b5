"""`azureml.core.datastore` on Runbridge: each use raises an error that names a substitute."""

from bridge_azureml.absent import attribute_finder
from bridge_azureml.data import Datastore

__all__ = ["Datastore"]

__getattr__ = attribute_finder(__name__)
