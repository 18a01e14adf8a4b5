"""`azureml.mlflow` on Runbridge: importing it is enough, because MLflow finds Runbridge's plugin by itself."""

from bridge_azureml.absent import attribute_finder

__getattr__ = attribute_finder(__name__)
