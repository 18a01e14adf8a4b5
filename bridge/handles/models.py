"""The way to registered models, which a plugin keeps: `bridge` knows none."""

from __future__ import annotations

from typing import Any

from bridge.errors import NotFound

GROUP = "runbridge.models"
"""The entry point group that names the class of registered models."""


def model_class() -> Any:
    """The class of registered models that an installed plugin offers.

    Raises:
        NotFound: none does, or what it builds on is not installed.
    """
    from importlib.metadata import entry_points

    for point in entry_points(group=GROUP):
        return point.load()
    raise NotFound("model registry", GROUP, 'pip install "runbridge[mlflow]" brings MLflow\'s')
