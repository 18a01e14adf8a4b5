"""`azureml.core.script_run_config` on Runbridge."""

from bridge.submit.script import ScriptRunConfig

__all__ = ["ScriptRunConfig"]
