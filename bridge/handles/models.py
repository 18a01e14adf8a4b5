"""Find the class of registered models. The package `bridge` does not contain it; a plugin provides it."""

from __future__ import annotations

from typing import Any

from bridge.errors import NotFound

GROUP = "runbridge.models"
"""The entry point group that names the class of registered models."""


def model_class() -> Any:
    """Return the class of registered models of an installed plugin.

    Raises:
        NotFound: no plugin provides the class, or a package that the plugin needs is not installed.
    """
    from importlib.metadata import entry_points

    for point in entry_points(group=GROUP):
        return point.load()
    raise NotFound("model registry", GROUP, 'install MLflow\'s with pip install "runbridge[mlflow]"')
