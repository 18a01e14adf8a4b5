"""How a person looks at a run or an experiment in a browser."""

from __future__ import annotations


def web_view(portal_url: str) -> str:
    """Return the command that opens MLflow's pages on the workspace, to be pasted into a terminal.

    This is the one place that decides it: where a server serves the workspace, its http address belongs here.

    Args:
        portal_url: as `get_portal_url` of a run or an experiment returns it.
    """
    workspace_uri = portal_url.partition("#")[0]
    return f"mlflow ui --backend-store-uri {workspace_uri}"
