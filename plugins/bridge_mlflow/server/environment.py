"""The environment variables under which MLflow's application is loaded."""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping

from bridge_mlflow.addresses import DESTINATION_VARIABLE, PROXY_ROOT, SERVED

REQUEST_URI = "runbridge-request:/"
"""The tracking and registry URI of a server's process. It opens the tracking store of the request's workspace.

MLflow's registry looks up a logged model by this URI when a version of a registered model is created from it.
MLflow has no registry of such a URI, and outside a request the tracking store refuses every call.
"""

NO_USAGE_DATA = "MLFLOW_DISABLE_TELEMETRY"

SET = {
    "MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE": "true",  # it refuses public host names; the dispatcher checks hosts
    NO_USAGE_DATA: "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_SERVER_ENABLE_GRAPHQL_AUTH": "false",  # the permissions are those of the route table
    "MLFLOW_ENABLE_WORKSPACES": "false",
    "MLFLOW_MODEL_CATALOG_URI": "",  # else MLflow fetches it from the internet
    "MLFLOW_TRACKING_URI": REQUEST_URI,
    "MLFLOW_REGISTRY_URI": REQUEST_URI,
    "_MLFLOW_SERVER_FILE_STORE": REQUEST_URI,
    "_MLFLOW_SERVER_REGISTRY_STORE": REQUEST_URI,
    "_MLFLOW_SERVER_ARTIFACT_ROOT": PROXY_ROOT,
    "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
    DESTINATION_VARIABLE: SERVED,
}
"""Source: MLflow 3.17.2, `mlflow.environment_variables` and `mlflow.server.constants`."""

REMOVED = (
    "MLFLOW_ALLOWED_HOST_ADDRESSED_ARTIFACT_SCHEMES",
    "MLFLOW_ENABLE_REMOTE_ASSISTANT",
    "MLFLOW_EXPERIMENT_ID",
    "MLFLOW_EXPERIMENT_NAME",
    "MLFLOW_RUN_ID",
    "MLFLOW_TRACE_ARCHIVAL_CONFIG",
    "MLFLOW_WORKSPACE",
    "MLFLOW_WORKSPACE_STORE_URI",
    "_MLFLOW_SERVER_ARTIFACTS_ONLY",
    "_MLFLOW_SERVER_READ_REPLICA_BACKEND_STORE",
    "_MLFLOW_STATIC_PREFIX",
    "prometheus_multiproc_dir",
)
"""Variables of a user's shell that would change what MLflow's application does for all workspaces."""


def prepare(has_gateway: bool, environment: MutableMapping[str, str] = os.environ) -> None:
    """Set the variables of this process, before MLflow is imported."""
    for name in REMOVED:
        environment.pop(name, None)
    environment.update(SET)
    environment["MLFLOW_ENABLE_AI_GATEWAY"] = str(has_gateway).lower()


def import_quietly() -> None:
    """Import MLflow, unless it is imported already. MLflow decides during its import whether it sends usage data."""
    if "mlflow" in sys.modules:
        return
    before = os.environ.get(NO_USAGE_DATA)
    os.environ[NO_USAGE_DATA] = "true"
    try:
        import mlflow  # noqa: F401
    finally:
        if before is None:
            del os.environ[NO_USAGE_DATA]
        else:
            os.environ[NO_USAGE_DATA] = before
