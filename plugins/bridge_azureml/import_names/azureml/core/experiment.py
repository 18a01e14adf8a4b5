"""`azureml.core.experiment` on Runbridge."""

from bridge.experiment import Experiment, ViewType

__all__ = ["Experiment", "ViewType"]
