"""What MLflow is told about a run that starts inside a native one."""

from __future__ import annotations

import os
import sys

from bridge.address import folder_of_uri, is_workspace_uri
from bridge.errors import InvalidValue

PARENT_RUN_ID = "mlflow.parentRunId"


class BridgeRunContext:
    """Names the native run of this process as the parent of runs that MLflow starts in it.

    MLflow makes one during `import mlflow`, so this module must not import it: only the two methods are asked for.
    Source: MLflow 3.17.2, `mlflow.tracking.context.abstract_context.RunContextProvider`.
    """

    def in_context(self) -> bool:
        """Whether this process runs inside a native run, and MLflow writes to that run's workspace."""
        # MLFLOW_RUN_ID is not looked at: a run that MLflow goes on with is not asked for tags, and a logger that makes
        # its own run beside it makes a child.
        return bool(os.environ.get("BRIDGE_RUN_ID")) and _writes_to_our_workspace()

    def tags(self) -> dict[str, str]:
        """The tag that makes a new run a child; a tag that the caller gives wins over it."""
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
        return folder_of_uri(uri) == (folder_of_uri(address) if is_workspace_uri(address) else os.path.abspath(address))
    except InvalidValue:
        return False
