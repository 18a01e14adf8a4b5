"""`azureml.core.workspace` on Runbridge."""

from bridge import Workspace

__all__ = ["Workspace"]
