"""Groups of MLflow's routes that are closed unless the operator opens them by name, with `--allow-mlflow`."""

from __future__ import annotations

from collections.abc import Iterable

from bridge.errors import InvalidValue
from bridge_mlflow.server.table import Entry, entries

WEBHOOK_READS = """
GET 2.0/mlflow/webhooks
GET 2.0/mlflow/webhooks/{webhook_id}
"""

WEBHOOK_WRITES = """
POST   2.0/mlflow/webhooks
PATCH  2.0/mlflow/webhooks/{webhook_id}
DELETE 2.0/mlflow/webhooks/{webhook_id}
POST   2.0/mlflow/webhooks/{webhook_id}/test
"""

GATEWAY_READS = """
GET 3.0/mlflow/gateway/budgets/get
GET 3.0/mlflow/gateway/budgets/list
GET 3.0/mlflow/gateway/budgets/windows
GET 3.0/mlflow/gateway/endpoints/bindings/list
GET 3.0/mlflow/gateway/endpoints/get
GET 3.0/mlflow/gateway/endpoints/list
GET 3.0/mlflow/gateway/guardrails/get
GET 3.0/mlflow/gateway/guardrails/list
GET 3.0/mlflow/gateway/guardrails/list-for-endpoint
GET 3.0/mlflow/gateway/model-definitions/get
GET 3.0/mlflow/gateway/model-definitions/list
GET 3.0/mlflow/gateway/provider-config
GET 3.0/mlflow/gateway/secrets/config
GET 3.0/mlflow/gateway/secrets/get
GET 3.0/mlflow/gateway/secrets/list
GET 3.0/mlflow/gateway/supported-models
GET 3.0/mlflow/gateway/supported-providers
GET /gateway/mlflow/v1/models
"""

GATEWAY_CALLS = """
POST /gateway/{endpoint_name}/mlflow/invocations
POST /gateway/mlflow/v1/chat/completions
POST /gateway/openai/v1/chat/completions
POST /gateway/openai/v1/embeddings
POST /gateway/openai/v1/responses
POST /gateway/openai/v1/responses/compact
POST /gateway/typesafe/v1/systemone
POST /gateway/anthropic/v1/messages
POST /gateway/gemini/v1beta/models/{call}
POST /gateway/proxy/{endpoint_name}/{path:path}
"""
"""Requests that the gateway passes to a provider. The last part of Gemini's address is the endpoint and an action."""

GATEWAY_SETTINGS = """
POST   3.0/mlflow/gateway/budgets/create
POST   3.0/mlflow/gateway/budgets/update
DELETE 3.0/mlflow/gateway/budgets/delete
POST   3.0/mlflow/gateway/endpoints/create
POST   3.0/mlflow/gateway/endpoints/update
DELETE 3.0/mlflow/gateway/endpoints/delete
POST   3.0/mlflow/gateway/endpoints/set-tag
DELETE 3.0/mlflow/gateway/endpoints/delete-tag
POST   3.0/mlflow/gateway/endpoints/bindings/create
DELETE 3.0/mlflow/gateway/endpoints/bindings/delete
POST   3.0/mlflow/gateway/endpoints/models/attach
POST   3.0/mlflow/gateway/endpoints/models/detach
POST   3.0/mlflow/gateway/guardrails/create
DELETE 3.0/mlflow/gateway/guardrails/delete
POST   3.0/mlflow/gateway/guardrails/add-to-endpoint
DELETE 3.0/mlflow/gateway/guardrails/remove-from-endpoint
PATCH  3.0/mlflow/gateway/guardrails/update-config
POST   3.0/mlflow/gateway/model-definitions/create
POST   3.0/mlflow/gateway/model-definitions/update
DELETE 3.0/mlflow/gateway/model-definitions/delete
POST   3.0/mlflow/gateway/secrets/create
POST   3.0/mlflow/gateway/secrets/update
DELETE 3.0/mlflow/gateway/secrets/delete
"""

MCP_READS = """
GET 3.0/mlflow/mcp-servers
GET 3.0/mlflow/mcp-servers/{path:path}
"""

MCP_WRITES = """
POST   3.0/mlflow/mcp-servers
POST   3.0/mlflow/mcp-servers/{path:path}
PATCH  3.0/mlflow/mcp-servers/{path:path}
DELETE 3.0/mlflow/mcp-servers/{path:path}
"""
"""The routes of the registry of MCP servers. The names of these servers contain slashes, so the rest is open."""

GROUPS: dict[str, list[Entry]] = {
    "webhooks": entries(WEBHOOK_READS, "admin", "read") + entries(WEBHOOK_WRITES, "admin", "write"),
    "gateway": [
        *entries(GATEWAY_READS, "reader", "read"),
        *entries(GATEWAY_CALLS, "writer", "write"),
        *entries(GATEWAY_SETTINGS, "admin", "write"),
    ],
    "mcp": entries(MCP_READS, "reader", "read") + entries(MCP_WRITES, "writer", "write"),
}
"""The routes of each group. A webhook and the settings of the gateway make the server send requests elsewhere."""


def opened(names: Iterable[str]) -> list[Entry]:
    """Return the routes of groups.

    Raises:
        InvalidValue: a group does not exist.
    """
    unknown = sorted(set(names) - GROUPS.keys())
    if unknown:
        raise InvalidValue("--allow-mlflow", ",".join(unknown), f"must be some of {', '.join(GROUPS)}")
    return [entry for name in names for entry in GROUPS[name]]
