"""MLflow's REST API and user interface on the server of workspaces.

This package and the modules that it imports do not import MLflow, because that takes seconds and hundreds of
megabytes. MLflow's own application is loaded when the first request needs it.
"""

from __future__ import annotations

from collections.abc import Iterable

from bridge.server.plugin_routes import PluginOptions
from bridge.server.routes import Route
from bridge_mlflow.server.application import Application, form, is_installed, route
from bridge_mlflow.server.artifacts import artifact_routes
from bridge_mlflow.server.graph_queries import graph_endpoint
from bridge_mlflow.server.groups import opened
from bridge_mlflow.server.hot.routes import hot_routes
from bridge_mlflow.server.information import information_routes
from bridge_mlflow.server.named_workspace import with_check
from bridge_mlflow.server.spans import spans_endpoint
from bridge_mlflow.server.table import Entry, allowed
from bridge_mlflow.server.user_interface import interface_routes

CHECKED = {"/graphql": graph_endpoint, "/v1/traces": spans_endpoint}
"""The endpoints that check a request before MLflow's application gets it."""


def routes(options: PluginOptions) -> list[Route]:
    """Return the routes of MLflow's REST API and user interface.

    MLflow's application answers only those allowed routes that Runbridge does not answer itself.
    """
    return [with_check(one) for one in _routes(options)]


def _routes(options: PluginOptions) -> list[Route]:
    own = own_routes(options)
    if not is_installed():
        return own
    has_gateway = "gateway" in options.mlflow_groups
    own += [*interface_routes(), *information_routes(has_gateway)]
    entries = allowed() + opened(options.mlflow_groups)
    return own + routes_of_mlflow(entries, Application(options.mlflow, has_gateway), own)


def own_routes(options: PluginOptions) -> list[Route]:
    """Return the routes that need no installed MLflow."""
    return [*hot_routes(options), *artifact_routes()]


def routes_of_mlflow(entries: Iterable[Entry], application: Application, own: Iterable[Route]) -> list[Route]:
    """Return the routes that MLflow's application answers: the entries, without those that are among `own`."""
    answered = {(one.method, form(one.path)) for one in own}
    found = []
    for entry in entries:
        if (entry.method, form(entry.path)) in answered:
            continue
        if entry.path in CHECKED:
            made = CHECKED[entry.path](application)
            found.append(Route(entry.method, entry.path, made, entry.needs, entry.access))
        else:
            found.append(route(entry, application))
    return found
