"""`azureml.core.script_run` on Runbridge."""

from bridge.handles.script_run import ScriptRun
from bridge_azureml.absent import attribute_finder

__all__ = ["ScriptRun"]

__getattr__ = attribute_finder(__name__)
