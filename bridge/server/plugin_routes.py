"""The routes that plugins add to each workspace of a server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Literal

from bridge.server.routes import Route

GROUP = "runbridge.server"
"""The entry point group of functions that take `PluginOptions` and return a list of routes."""

MlflowMode = Literal["lazy", "eager", "off"]


@dataclass(frozen=True, slots=True)
class PluginOptions:
    """The choices of the operator of a server for the routes of plugins.

    Attributes:
        mlflow: when MLflow's own application is loaded: at the first request that needs it, at the start, or never.
        mlflow_groups: the groups of MLflow's routes that are closed by default and that the operator has opened.
    """

    mlflow: MlflowMode = "lazy"
    mlflow_groups: frozenset[str] = frozenset()


RoutesOfPlugin = Callable[[PluginOptions], list[Route]]


def plugin_routes(options: PluginOptions) -> list[Route]:
    """Return the routes of all installed plugins."""
    found: list[Route] = []
    for point in entry_points(group=GROUP):
        make: RoutesOfPlugin = point.load()
        found += make(options)
    return found
