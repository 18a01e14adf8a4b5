"""`azureml.tensorboard` on Runbridge."""

from bridge_azureml.absent import attribute_finder
from bridge_azureml.tensorboard import Tensorboard

__all__ = ["Tensorboard"]

__getattr__ = attribute_finder(__name__)
