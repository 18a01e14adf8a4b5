"""The arguments of the Azure ML SDK v1 that describe a workspace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.errors import InvalidValue

STORED = frozenset(("subscription_id", "resource_group", "location", "sku", "tags", "friendly_name", "description"))
IGNORED = frozenset(
    """
    adb_workspace api_server app_insights auth cloud cmk_keyvault container_registry create_resource_group
    default_cpu_compute_target default_gpu_compute_target hbi_workspace id key_vault primary_user_assigned_identity
    private_endpoint_auto_approval private_endpoint_config resource_cmk_uri show_output storage_account
    system_datastores_auth_mode user_assigned_identity_for_cmk_encryption v1_legacy_mode
    _cloud _disable_service_check _location _workspace_id
    """.split()
)
"""Arguments of the Azure ML SDK v1 that only matter to Azure's cloud service. They are accepted and ignored.

Source: the signatures of the constructor, of `create` and of `get` of `azureml.core.Workspace`.
"""


def stored_values(call: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that are stored with a workspace.

    Raises:
        InvalidValue: JSON cannot store an argument, or the tags are not a dict.
        TypeError: the SDK does not have an argument of this name.
    """
    for name in given:
        if name not in STORED and name not in IGNORED:
            raise TypeError(f"{call}() got an unexpected keyword argument {name!r}")
    stored = {name: value for name, value in given.items() if name in STORED and value is not None}
    for name, value in stored.items():
        _check_storable(name, value)
    return stored


def _check_storable(name: str, value: Any) -> None:
    import json

    if name == "tags" and not isinstance(value, Mapping):
        raise InvalidValue(name, value, "must be a dict of keys and values")
    try:
        json.dumps(value)
    except (TypeError, ValueError) as error:
        raise InvalidValue(name, value, f"must be a value that JSON can store ({error})") from error
