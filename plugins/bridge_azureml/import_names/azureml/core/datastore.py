"""`azureml.core.datastore` on Runbridge: it says what to do instead."""

from bridge_azureml.data import Datastore

__all__ = ["Datastore"]
