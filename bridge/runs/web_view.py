"""The command with which a user opens a run or an experiment in a browser."""

from __future__ import annotations


def web_view(portal_url: str) -> str:
    """Return the terminal command that shows the workspace in MLflow's web pages.

    Args:
        portal_url: the address that `get_portal_url` of a run or an experiment returns.
    """
    workspace_uri = portal_url.partition("#")[0]
    return f"mlflow ui --backend-store-uri {workspace_uri}"
