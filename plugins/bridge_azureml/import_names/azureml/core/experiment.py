"""`azureml.core.experiment` on Runbridge."""

from bridge.handles.experiment import Experiment, ViewType

__all__ = ["Experiment", "ViewType"]
