"""`azureml.core.script_run_config` on Runbridge."""

from bridge.launch.script import ScriptRunConfig
from bridge_azureml.absent import attribute_finder

__all__ = ["ScriptRunConfig"]

__getattr__ = attribute_finder(__name__)
