"""MLflow's REST API and user interface on the server of workspaces.

This package and the modules that it imports do not import MLflow, because that takes seconds and hundreds of
megabytes. MLflow's own application is loaded when the first request needs it.
"""

from __future__ import annotations

from bridge.server.plugin_routes import PluginOptions
from bridge.server.routes import Route


def routes(options: PluginOptions) -> list[Route]:
    """Return the routes of MLflow's REST API and user interface."""
    return []
