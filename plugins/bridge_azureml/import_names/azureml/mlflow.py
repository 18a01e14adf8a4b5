"""`azureml.mlflow` on Runbridge: it only has to be importable, because MLflow finds Runbridge's plugin without it."""

from bridge_azureml.absent import attribute_finder

__getattr__ = attribute_finder(__name__)
