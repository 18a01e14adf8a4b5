"""`azureml.core.keyvault` on Runbridge: it says what to do instead."""

from bridge_azureml.data import Keyvault

__all__ = ["Keyvault"]
