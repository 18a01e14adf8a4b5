"""`azureml.core.script_run_config` on Runbridge."""

from bridge.launch.script import ScriptRunConfig

__all__ = ["ScriptRunConfig"]
