"""`azureml.mlflow` on Runbridge. Scripts import it, but it has no content: MLflow finds our plugin without it."""

from bridge_azureml.absent import attribute_finder

__getattr__ = attribute_finder(__name__)
