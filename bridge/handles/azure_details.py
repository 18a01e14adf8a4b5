"""The details of a workspace, under the names of the Azure ML SDK v1."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bridge.handles.workspace import Workspace


def scope_of(workspace: Workspace) -> str:
    """Return the resource id that Azure would give the workspace."""
    provider = "providers/Microsoft.MachineLearningServices/workspaces"
    group = f"/subscriptions/{workspace.subscription_id}/resourceGroups/{workspace.resource_group}"
    return f"{group}/{provider}/{workspace.name}"


def workspace_details(workspace: Workspace, azure_value: Callable[[str], Any]) -> dict[str, Any]:
    """Return the details of a workspace; see `Workspace.get_details`.

    Args:
        workspace: the workspace.
        azure_value: a function that returns the value of the argument of `Workspace.create` with a name, or None.
    """
    created = datetime.fromtimestamp(workspace.stores.creation_time / 1000, timezone.utc)
    return {
        "id": scope_of(workspace),
        "name": workspace.name,
        "type": "Microsoft.MachineLearningServices/workspaces",
        "location": workspace.location,
        "sku": workspace.sku,
        "tags": workspace.tags,
        "workspaceid": workspace.id,
        "friendlyName": str(azure_value("friendly_name") or workspace.name),
        "description": str(azure_value("description") or ""),
        "creationTime": created.isoformat(),
        "discoveryUrl": workspace.discovery_url,
    }


def service_context(workspace: Workspace) -> SimpleNamespace:
    """Return the names by which Azure ML's service would know the workspace."""
    return SimpleNamespace(
        subscription_id=workspace.subscription_id,
        resource_group_name=workspace.resource_group,
        workspace_name=workspace.name,
        workspace_id=workspace.id,
    )
