"""The names of the methods that our stores forward to MLflow's own stores, divided into reads and writes.

Source: MLflow 3.17.2, `mlflow.store.tracking.abstract_store` with its two mixins, and
`mlflow.store.model_registry.abstract_store`. The lists also contain methods that these classes lack, because MLflow's
commands and server call them.
"""

from __future__ import annotations

FORWARDED_READS = frozenset(
    """
    batch_get_trace_infos batch_get_traces calculate_trace_filter_correlation find_completed_sessions get_assessment
    get_online_trace_details get_trace get_trace_info query_trace_metrics resolve_trace_archival_config search_traces
    sum_gateway_trace_cost

    _get_deleted_logged_models get_logged_model search_logged_models

    get_active_online_scorers get_online_scoring_configs get_scorer list_scorer_versions list_scorers
    list_scorers_across_experiments resolve_endpoint_in_scorer

    _load_dataset_records get_dataset get_dataset_experiment_ids search_datasets

    filter_active_experiment_ids get_issue get_label_schema get_label_schema_by_name get_review_queue
    get_review_queue_by_name list_review_queue_items list_review_queues search_issues

    _get_decrypted_secret get_budget_policy get_gateway_endpoint get_gateway_guardrail get_gateway_model_definition
    get_secret_info list_budget_policies list_endpoint_bindings list_endpoint_guardrail_configs
    list_gateway_endpoints list_gateway_guardrails list_gateway_model_definitions list_secret_infos

    get_latest_mcp_server_version get_mcp_access_endpoint get_mcp_server get_mcp_server_version
    get_mcp_server_version_by_alias get_mcp_server_versions_for_trace search_mcp_access_endpoints
    search_mcp_server_versions search_mcp_servers
    """.split()
)
"""Methods of a tracking store that only read."""

FORWARDED_DEFAULTS = frozenset({"get_or_create_user_queue", "list_label_schemas"})
"""Methods of a tracking store that create a missing object and return it.

They write, but MLflow's pages call them even for a workspace that is read-only. They then write
to a temporary file.
"""

FORWARDED_WRITES = frozenset(
    """
    _delete_traces archive_traces create_assessment delete_assessment delete_trace_tag delete_traces
    deprecated_end_trace_v2 deprecated_start_trace_v2 link_prompts_to_trace link_traces_to_run log_spans
    log_spans_async set_trace_tag start_trace unlink_traces_from_run update_assessment

    _hard_delete_logged_model create_logged_model delete_logged_model delete_logged_model_tag finalize_logged_model
    log_logged_model_params set_logged_model_tags set_model_versions_tags

    delete_scorer register_scorer upsert_online_scoring_config

    add_dataset_to_experiments create_dataset delete_dataset delete_dataset_records delete_dataset_tag
    remove_dataset_from_experiments set_dataset_tags upsert_dataset_records

    add_items_to_review_queue create_issue create_label_schema create_review_queue delete_label_schema
    delete_review_queue remove_items_from_review_queue set_review_queue_item_status update_issue update_label_schema
    update_review_queue

    add_guardrail_to_endpoint attach_model_to_endpoint create_budget_policy create_endpoint_binding
    create_gateway_endpoint create_gateway_guardrail create_gateway_model_definition create_gateway_secret
    delete_budget_policy delete_endpoint_binding delete_gateway_endpoint delete_gateway_endpoint_tag
    delete_gateway_guardrail delete_gateway_model_definition delete_gateway_secret detach_model_from_endpoint
    remove_guardrail_from_endpoint set_gateway_endpoint_tag update_budget_policy update_endpoint_guardrail_config
    update_gateway_endpoint update_gateway_model_definition update_gateway_secret

    create_mcp_access_endpoint create_mcp_server create_mcp_server_version delete_mcp_access_endpoint
    delete_mcp_server delete_mcp_server_alias delete_mcp_server_tag delete_mcp_server_version
    delete_mcp_server_version_tag link_mcp_server_versions_to_trace set_mcp_server_alias set_mcp_server_tag
    set_mcp_server_version_tag update_mcp_access_endpoint update_mcp_server update_mcp_server_version
    """.split()
)
"""Methods of a tracking store that write."""

SQL_PARTS = frozenset({"_get_entity_or_raise", "_get_query", "secret_cache"})
"""Attributes that MLflow's gateway reads directly from a store that is an instance of `SqlAlchemyStore`."""

REGISTRY_READS = frozenset(
    """
    _await_model_version_creation

    get_latest_versions get_model_version get_model_version_by_alias get_model_version_download_uri get_prompt
    get_prompt_version get_prompt_version_by_alias get_registered_model get_webhook list_webhooks
    list_webhooks_by_event search_model_versions search_prompt_versions search_prompts search_registered_models
    """.split()
)
"""Methods of a model registry that only read."""

REGISTRY_WRITES = frozenset(
    """
    copy_model_version create_model_version create_prompt create_prompt_version create_registered_model
    create_webhook delete_model_version delete_model_version_tag delete_prompt delete_prompt_alias delete_prompt_tag
    delete_prompt_version delete_prompt_version_tag delete_registered_model delete_registered_model_alias
    delete_registered_model_tag delete_webhook link_prompt_version_to_model link_prompt_version_to_run
    link_prompts_to_trace rename_registered_model set_model_version_tag set_prompt_alias set_prompt_tag
    set_prompt_version_tag set_registered_model_alias set_registered_model_tag test_webhook
    transition_model_version_stage update_model_version update_registered_model update_webhook
    """.split()
)
"""Methods of a model registry that write.

A write creates MLflow's tables if they do not exist, and is refused if the workspace is read-only. `test_webhook`
changes no table, but is treated as a write.
"""
