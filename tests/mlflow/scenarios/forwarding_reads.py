"""A script that makes every forwarded read on stores without any such objects."""

from __future__ import annotations

from typing import Any

from forwarding import Forwarded, script
from mlflow.entities.trace_metrics import AggregationType, MetricAggregation, MetricViewType
from mlflow.entities.webhook import WebhookEvent

from bridge_mlflow.forwarded import FORWARDED_DEFAULTS, FORWARDED_READS, REGISTRY_READS

NOW = 2_000_000_000_000
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "batch_get_trace_infos": (["tr-x"],),
    "batch_get_traces": (["tr-x"],),
    "calculate_trace_filter_correlation": (["<e>"], "status = 'OK'", "status = 'ERROR'"),
    "find_completed_sessions": ("<e>", 0, NOW),
    "get_assessment": ("tr-x", "a-x"),
    "get_online_trace_details": ("tr-x", "table", "request"),
    "get_trace": ("tr-x",),
    "get_trace_info": ("tr-x",),
    "query_trace_metrics": (["<e>"], MetricViewType.TRACES, "trace_count", [MetricAggregation(AggregationType.COUNT)]),
    "search_traces": (["<e>"],),
    "sum_gateway_trace_cost": (0, NOW),
    "_get_deleted_logged_models": (),
    "get_logged_model": ("m-x",),
    "search_logged_models": (["<e>"],),
    "get_active_online_scorers": (),
    "get_online_scoring_configs": (["x"],),
    "get_scorer": ("<e>", "x"),
    "list_scorer_versions": ("<e>", "x"),
    "list_scorers": ("<e>",),
    "list_scorers_across_experiments": (["<e>"],),
    "_load_dataset_records": ("d-x",),
    "get_dataset": ("d-x",),
    "get_dataset_experiment_ids": ("d-x",),
    "search_datasets": (["<e>"],),
    "filter_active_experiment_ids": (["<e>", "99999"],),
    "get_issue": ("iss-x",),
    "get_label_schema": ("ls-x",),
    "get_label_schema_by_name": ("<e>", "x"),
    "get_review_queue": ("rq-x",),
    "list_review_queue_items": ("rq-x",),
    "list_review_queues": ("<e>",),
    "search_issues": ("<e>",),
    "_get_decrypted_secret": ("s-x",),
    "get_budget_policy": ("bp-x",),
    "get_gateway_endpoint": ("e-x",),
    "get_gateway_guardrail": ("g-x",),
    "get_gateway_model_definition": ("d-x",),
    "get_secret_info": ("s-x",),
    "list_budget_policies": (),
    "list_endpoint_bindings": (),
    "list_endpoint_guardrail_configs": ("e-x",),
    "list_gateway_endpoints": (),
    "list_gateway_guardrails": (),
    "list_gateway_model_definitions": (),
    "list_secret_infos": (),
    "get_latest_mcp_server_version": ("io.test/x",),
    "get_mcp_access_endpoint": ("io.test/x", "ae-x"),
    "get_mcp_server": ("io.test/x",),
    "get_mcp_server_version": ("io.test/x", "1"),
    "get_mcp_server_version_by_alias": ("io.test/x", "a"),
    "get_mcp_server_versions_for_trace": ("tr-x",),
    "search_mcp_access_endpoints": (),
    "search_mcp_server_versions": ("io.test/x",),
    "search_mcp_servers": (),
    "list_label_schemas": ("<e>",),
}
NAMED: dict[str, dict[str, Any]] = {
    "get_or_create_user_queue": {"experiment_id": "<e>", "user": "ann"},
    "get_review_queue_by_name": {"experiment_id": "<e>", "name": "x"},
    "resolve_trace_archival_config": {"default_trace_archival_location": "s3://b/a", "default_retention": "30d"},
}
IN_REGISTRY: dict[str, tuple[Any, ...]] = {
    "get_latest_versions": ("x",),
    "get_model_version": ("x", "1"),
    "get_model_version_by_alias": ("x", "a"),
    "get_model_version_download_uri": ("x", "1"),
    "get_prompt": ("x",),
    "get_prompt_version": ("x", "1"),
    "get_prompt_version_by_alias": ("x", "a"),
    "get_registered_model": ("x",),
    "get_webhook": ("x",),
    "list_webhooks": (),
    "list_webhooks_by_event": (WebhookEvent("registered_model", "created"),),
    "search_model_versions": (),
    "search_prompt_versions": ("x",),
    "search_prompts": (),
    "search_registered_models": (),
}
OF_ENTITIES = {"_await_model_version_creation", "resolve_endpoint_in_scorer"}
"""Reads that need an existing entity; the other scripts make them."""


@script
def reads_of_nothing(t: Forwarded) -> None:
    known = ARGUMENTS.keys() | NAMED.keys() | IN_REGISTRY.keys() | OF_ENTITIES
    assert FORWARDED_READS | FORWARDED_DEFAULTS | REGISTRY_READS == known
    for store, table in ((t.store, ARGUMENTS), (t.registry, IN_REGISTRY)):
        for name, given in table.items():
            t.see(name, lambda s=store, n=name, g=given: getattr(s, n)(*(_placed(t, one) for one in g)))
    for name, more in NAMED.items():
        t.see(name, lambda n=name, m=more: getattr(t.store, n)(**{key: _placed(t, one) for key, one in m.items()}))


def _placed(t: Forwarded, value: Any) -> Any:
    """Return an argument with the script's experiment inserted."""
    if isinstance(value, list):
        return [_placed(t, one) for one in value]
    return t.experiment if isinstance(value, str) and value == "<e>" else value
