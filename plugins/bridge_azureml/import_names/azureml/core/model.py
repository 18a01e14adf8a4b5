"""`azureml.core.model` on Runbridge: models of MLflow's registry."""

from bridge.models import model_class

Model = model_class()

__all__ = ["Model"]
