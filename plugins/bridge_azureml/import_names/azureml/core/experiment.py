"""`azureml.core.experiment` on Runbridge."""

from bridge.handles.experiment import Experiment, ViewType
from bridge_azureml.absent import attribute_finder

__all__ = ["Experiment", "ViewType"]

__getattr__ = attribute_finder(__name__)
