"""`azureml.tensorboard.export` on Runbridge."""

from bridge_azureml.absent import attribute_finder
from bridge_azureml.tensorboard import export_to_tensorboard

__all__ = ["export_to_tensorboard"]

__getattr__ = attribute_finder(__name__)
