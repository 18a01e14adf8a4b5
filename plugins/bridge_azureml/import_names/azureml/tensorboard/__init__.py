"""`azureml.tensorboard` on Runbridge."""

from bridge_azureml.tensorboard import Tensorboard

__all__ = ["Tensorboard"]
