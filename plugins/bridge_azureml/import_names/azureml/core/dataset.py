"""`azureml.core.dataset` on Runbridge: each use says what to do instead."""

from bridge_azureml.absent import attribute_finder
from bridge_azureml.data import Dataset

__all__ = ["Dataset"]

__getattr__ = attribute_finder(__name__)
