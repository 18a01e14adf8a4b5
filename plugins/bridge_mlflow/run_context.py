"""The tags of a run that MLflow starts in a process that belongs to a run of the native API."""

from __future__ import annotations

import os
import sys

from bridge.address import folder_of_uri, is_workspace_uri, workspace_address
from bridge.errors import InvalidValue
from bridge.server_address import is_server_address

PARENT_RUN_ID = "mlflow.parentRunId"


class BridgeRunContext:
    """A provider of a tag for new MLflow runs. The tag makes them child runs of the native run of this process.

    MLflow creates an instance during `import mlflow`, so this module must not import MLflow.
    Source: MLflow 3.17.2, `mlflow.tracking.context.abstract_context.RunContextProvider`.
    """

    def in_context(self) -> bool:
        """Return True if this process belongs to a native run and MLflow writes to the workspace of that run."""
        # The variable MLFLOW_RUN_ID is ignored here. If MLflow resumes the run with this id, MLflow asks for no tags.
        # If a logger starts another run instead, that run is a child run.
        return bool(os.environ.get("BRIDGE_RUN_ID")) and _writes_to_our_workspace()

    def tags(self) -> dict[str, str]:
        """Return the tag that makes a new run a child; the caller's own tags override it."""
        return {PARENT_RUN_ID: os.environ["BRIDGE_RUN_ID"]} if self.in_context() else {}


def _writes_to_our_workspace() -> bool:
    mlflow = sys.modules.get("mlflow")
    uri = mlflow.get_tracking_uri() if mlflow else ""
    address = os.environ.get("BRIDGE_WORKSPACE", "")
    if not address:
        return is_workspace_uri(uri)
    if uri.rstrip("/") == address.rstrip("/"):
        return True
    try:
        if is_server_address(uri) or is_server_address(address):
            return workspace_address(uri) == workspace_address(address)
        return folder_of_uri(uri) == (folder_of_uri(address) if is_workspace_uri(address) else os.path.abspath(address))
    except InvalidValue:
        return False
