"""`azureml.core.dataset` on Runbridge: it says what to do instead."""

from bridge_azureml.data import Dataset

__all__ = ["Dataset"]
