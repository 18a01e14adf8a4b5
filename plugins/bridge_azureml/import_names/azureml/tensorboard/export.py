"""`azureml.tensorboard.export` on Runbridge."""

from bridge_azureml.tensorboard import export_to_tensorboard

__all__ = ["export_to_tensorboard"]
