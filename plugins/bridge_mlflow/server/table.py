"""MLflow's routes: those that the server answers, with what each needs, and those that are closed, by reason.

Source: MLflow 3.17.2, `mlflow.server.handlers.get_endpoints`, `mlflow.server` and `mlflow.server.fastapi_app`.
A template names the part of the address after `/api/` and `/ajax-api/`, unless it begins with a slash.
"""

from __future__ import annotations

from typing import NamedTuple

from bridge.server.roles import Role
from bridge.server.routes import Access

READS = """
GET  2.0/mlflow/experiments/get
GET  2.0/mlflow/experiments/get-by-name
GET  2.0/mlflow/experiments/search
POST 2.0/mlflow/experiments/search
POST 2.0/mlflow/experiments/search-datasets
GET  2.0/mlflow/runs/get
POST 2.0/mlflow/runs/search
GET  2.0/mlflow/metrics/get-history
GET  2.0/mlflow/metrics/get-history-bulk
GET  2.0/mlflow/metrics/get-history-bulk-interval

GET  2.0/mlflow/registered-models/get
GET  2.0/mlflow/registered-models/search
GET  2.0/mlflow/registered-models/alias
GET  2.0/mlflow/registered-models/get-latest-versions
POST 2.0/mlflow/registered-models/get-latest-versions
GET  2.0/mlflow/model-versions/get
GET  2.0/mlflow/model-versions/get-download-uri
GET  2.0/mlflow/model-versions/search
GET  2.0/mlflow/logged-models/{model_id}
GET  2.0/mlflow/logged-models/{model_id}/artifacts/directories
POST 2.0/mlflow/logged-models/search

GET  2.0/mlflow/traces
GET  2.0/mlflow/traces/{request_id}/info
GET  3.0/mlflow/traces/get
GET  3.0/mlflow/traces/batchGet
GET  3.0/mlflow/traces/{trace_id}
GET  3.0/mlflow/traces/{trace_id}/assessments/{assessment_id}
POST 3.0/mlflow/traces/search
POST 3.0/mlflow/traces/batchGetInfos
POST 3.0/mlflow/traces/calculate-filter-correlation
POST 3.0/mlflow/traces/metrics

GET  3.0/mlflow/datasets/search
POST 3.0/mlflow/datasets/search
GET  3.0/mlflow/datasets/{dataset_id}
GET  3.0/mlflow/datasets/{dataset_id}/experiment-ids
GET  3.0/mlflow/datasets/{dataset_id}/records
GET  3.0/mlflow/issues/{issue_id}
POST 3.0/mlflow/issues/search
GET  3.0/mlflow/label-schemas/get
GET  3.0/mlflow/label-schemas/get-by-name
GET  3.0/mlflow/label-schemas/list
GET  3.0/mlflow/review-queues/get
GET  3.0/mlflow/review-queues/get-by-name
GET  3.0/mlflow/review-queues/items/list
GET  3.0/mlflow/review-queues/list
GET  3.0/mlflow/scorers/get
GET  3.0/mlflow/scorers/list
GET  3.0/mlflow/scorers/online-configs
GET  3.0/mlflow/scorers/versions

POST /graphql
"""
"""Requests that only read. Many of MLflow's reads are POST, so the method does not tell them from writes."""

WRITES = """
POST 2.0/mlflow/experiments/create
POST 2.0/mlflow/experiments/update
POST 2.0/mlflow/experiments/delete
POST 2.0/mlflow/experiments/restore
POST 2.0/mlflow/experiments/set-experiment-tag
POST 2.0/mlflow/experiments/delete-experiment-tag
POST 2.0/mlflow/runs/create
POST 2.0/mlflow/runs/update
POST 2.0/mlflow/runs/delete
POST 2.0/mlflow/runs/restore
POST 2.0/mlflow/runs/log-batch
POST 2.0/mlflow/runs/log-inputs
POST 2.0/mlflow/runs/log-metric
POST 2.0/mlflow/runs/log-model
POST 2.0/mlflow/runs/log-parameter
POST 2.0/mlflow/runs/outputs
POST 2.0/mlflow/runs/set-tag
POST 2.0/mlflow/runs/delete-tag

POST   2.0/mlflow/registered-models/create
POST   2.0/mlflow/registered-models/rename
PATCH  2.0/mlflow/registered-models/update
DELETE 2.0/mlflow/registered-models/delete
POST   2.0/mlflow/registered-models/set-tag
DELETE 2.0/mlflow/registered-models/delete-tag
POST   2.0/mlflow/registered-models/alias
DELETE 2.0/mlflow/registered-models/alias
POST   2.0/mlflow/model-versions/create
PATCH  2.0/mlflow/model-versions/update
DELETE 2.0/mlflow/model-versions/delete
POST   2.0/mlflow/model-versions/transition-stage
POST   2.0/mlflow/model-versions/set-tag
DELETE 2.0/mlflow/model-versions/delete-tag
POST   2.0/mlflow/logged-models
PATCH  2.0/mlflow/logged-models/{model_id}
DELETE 2.0/mlflow/logged-models/{model_id}
POST   2.0/mlflow/logged-models/{model_id}/params
PATCH  2.0/mlflow/logged-models/{model_id}/tags
DELETE 2.0/mlflow/logged-models/{model_id}/tags/{tag_key}

POST   2.0/mlflow/traces
PATCH  2.0/mlflow/traces/{request_id}
PATCH  2.0/mlflow/traces/{request_id}/tags
DELETE 2.0/mlflow/traces/{request_id}/tags
POST   2.0/mlflow/traces/delete-traces
POST   2.0/mlflow/traces/link-prompts
POST   2.0/mlflow/traces/link-to-run
POST   3.0/mlflow/traces
POST   3.0/mlflow/traces/delete-traces
POST   3.0/mlflow/traces/{trace_id}/assessments
PATCH  3.0/mlflow/traces/{trace_id}/assessments/{assessment_id}
DELETE 3.0/mlflow/traces/{trace_id}/assessments/{assessment_id}
PATCH  3.0/mlflow/traces/{trace_id}/tags
DELETE 3.0/mlflow/traces/{trace_id}/tags
POST   /v1/traces

POST   3.0/mlflow/datasets/create
DELETE 3.0/mlflow/datasets/{dataset_id}
POST   3.0/mlflow/datasets/{dataset_id}/add-experiments
POST   3.0/mlflow/datasets/{dataset_id}/remove-experiments
POST   3.0/mlflow/datasets/{dataset_id}/records
DELETE 3.0/mlflow/datasets/{dataset_id}/records
PATCH  3.0/mlflow/datasets/{dataset_id}/tags
DELETE 3.0/mlflow/datasets/{dataset_id}/tags/{key}
POST   3.0/mlflow/issues
PATCH  3.0/mlflow/issues/{issue_id}
POST   3.0/mlflow/label-schemas/create
PATCH  3.0/mlflow/label-schemas/update
DELETE 3.0/mlflow/label-schemas/delete
POST   3.0/mlflow/review-queues/create
POST   3.0/mlflow/review-queues/update
POST   3.0/mlflow/review-queues/delete
POST   3.0/mlflow/review-queues/get-or-create-user
POST   3.0/mlflow/review-queues/items/add
POST   3.0/mlflow/review-queues/items/remove
POST   3.0/mlflow/review-queues/items/set-status
POST   3.0/mlflow/scorers/register
DELETE 3.0/mlflow/scorers/delete
"""
"""Requests that change something."""

OURS = """
GET    /
GET    /health
GET    /version
GET    /static-files/{path:path}
GET    3.0/mlflow/server-info
GET    2.0/mlflow/gateway-proxy
GET    2.0/mlflow/artifacts/list
GET    2.0/mlflow-artifacts/artifacts
GET    2.0/mlflow-artifacts/artifacts/{path:path}
PUT    2.0/mlflow-artifacts/artifacts/{path:path}
DELETE 2.0/mlflow-artifacts/artifacts/{path:path}
POST   2.0/mlflow-artifacts/mpu/create/{path:path}
POST   2.0/mlflow-artifacts/mpu/complete/{path:path}
POST   2.0/mlflow-artifacts/mpu/abort/{path:path}
GET    2.0/mlflow-artifacts/presigned/{path:path}
POST   2.0/mlflow/artifacts/presigned-download-url
POST   2.0/mlflow/artifacts/presigned-upload-url
POST   2.0/mlflow/upload-artifact
GET    2.0/mlflow/get-trace-artifact
GET    3.0/mlflow/get-trace-artifact
GET    2.0/mlflow/logged-models/{model_id}/artifacts/files
GET    /get-artifact
GET    /model-versions/get-artifact
"""
"""Requests that MLflow's code never sees, because MLflow would copy whole files, or answer for its own settings."""

CLOSED = {
    "it fetches the vendor's configuration, or sends data to the vendor": """
GET  3.0/mlflow/ui-telemetry
POST 3.0/mlflow/ui-telemetry
""",
    "it starts a job, which runs code on this computer": """
GET    3.0/mlflow/jobs/{job_id}
PATCH  3.0/mlflow/jobs/cancel/{job_id}
GET    3.0/jobs/{job_id}
POST   3.0/jobs/
PATCH  3.0/jobs/cancel/{job_id}
POST   3.0/jobs/search
POST   3.0/mlflow/prompt-optimization/jobs
GET    3.0/mlflow/prompt-optimization/jobs/{job_id}
DELETE 3.0/mlflow/prompt-optimization/jobs/{job_id}
POST   3.0/mlflow/prompt-optimization/jobs/{job_id}/cancel
GET    3.0/mlflow/prompt-optimization/jobs/search
POST   3.0/mlflow/prompt-optimization/jobs/search
POST   3.0/mlflow/scorer/invoke
POST   3.0/mlflow/genai/evaluate/invoke
POST   3.0/mlflow/issues/invoke
PUT    3.0/mlflow/scorers/online-config
""",
    "the assistant runs commands on this computer": """
POST  3.0/mlflow/assistant/message
GET   3.0/mlflow/assistant/sessions/{session_id}/stream
PATCH 3.0/mlflow/assistant/sessions/{session_id}
POST  3.0/mlflow/assistant/sessions/{session_id}/permission
POST  3.0/mlflow/assistant/sessions/{session_id}/tool-result
GET   3.0/mlflow/assistant/providers/{provider}/health
GET   3.0/mlflow/assistant/providers
GET   3.0/mlflow/assistant/config
PUT   3.0/mlflow/assistant/config
POST  3.0/mlflow/assistant/skills/install
GET   3.0/mlflow/assistant/providers/{provider}/models
""",
    "it changes a variable of the whole process": """
POST 3.0/mlflow/demo/generate
POST 3.0/mlflow/demo/delete
""",
    "it writes files of the request to a temporary folder": """
POST 2.0/mlflow/runs/create-promptlab-run
""",
    "the workspaces of this server are not MLflow's": """
GET    3.0/mlflow/workspaces
POST   3.0/mlflow/workspaces
GET    3.0/mlflow/workspaces/{workspace_name}
PATCH  3.0/mlflow/workspaces/{workspace_name}
DELETE 3.0/mlflow/workspaces/{workspace_name}
""",
    "it passes requests to an address that a client names": """
POST 2.0/mlflow/gateway-proxy
""",
    "MLflow's open release does not implement it": """
GET  2.0/mlflow/get-online-trace-details
GET  2.0/mlflow/unified-traces
POST 2.0mlflow/experiments/search-datasets
""",
    "no page and no client of MLflow's sends it": """
GET /graphql
GET /build/{path:path}
""",
}
"""Routes that no option opens, by the reason."""


class Entry(NamedTuple):
    """A route of MLflow's.

    Attributes:
        method: the HTTP method.
        path: the template below the workspace.
        needs: the role that the sender must have.
        access: whether the request only reads.
    """

    method: str
    path: str
    needs: Role
    access: Access


def entries(lines: str, needs: Role, access: Access) -> list[Entry]:
    """Return the routes in a list of methods and templates, one each line."""
    found = []
    for line in filter(None, lines.splitlines()):
        method, path = line.split()
        for whole in [path] if path.startswith("/") else [f"/api/{path}", f"/ajax-api/{path}"]:
            found.append(Entry(method, whole, needs, access))
    return found


def allowed() -> list[Entry]:
    """Return the routes that MLflow's application answers without any option."""
    return entries(READS, "reader", "read") + entries(WRITES, "writer", "write")
