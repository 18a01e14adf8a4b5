"""`azureml.core.script_run` on Runbridge."""

from bridge.handles.script_run import ScriptRun

__all__ = ["ScriptRun"]
