"""`azureml.core.workspace` on Runbridge."""

from bridge import Workspace
from bridge_azureml.absent import attribute_finder

__all__ = ["Workspace"]

__getattr__ = attribute_finder(__name__)
