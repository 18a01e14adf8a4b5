"""`azureml.core.model` on Runbridge: models of MLflow's registry."""

from typing import Any

from bridge.errors import NotFound
from bridge.handles.models import model_class
from bridge_azureml.absent import attribute_finder

Model: Any
try:
    Model = model_class()
except NotFound:
    from bridge_azureml.data import Model

__all__ = ["Model"]

__getattr__ = attribute_finder(__name__)
