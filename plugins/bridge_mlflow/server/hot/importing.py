"""When a hot route may import MLflow: for an error message of a search, and to change MLflow's own tables."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bridge.server.plugin_routes import PluginOptions
from bridge_mlflow.queries import before_import
from bridge_mlflow.server.environment import prepare


def preparation(options: PluginOptions) -> Callable[[], None]:
    """Return the function that is called before such an import.

    It prepares the environment as for MLflow's application. If the operator has switched MLflow off, it raises
    `ImportError`, and the error message is ours.
    """
    if options.mlflow == "off":
        return _refuse
    return lambda: prepare("gateway" in options.mlflow_groups)


def _refuse() -> None:
    raise ImportError("the server was started with --mlflow off")


@contextmanager
def preparing(prepared: Callable[[], None]) -> Iterator[None]:
    """Call a function before an import of MLflow in the block, in this thread."""
    token = before_import.set(prepared)
    try:
        yield
    finally:
        before_import.reset(token)


def can_import() -> bool:
    """Return whether MLflow is imported already, or this call may import it. Then this process is prepared for that."""
    if "mlflow" in sys.modules:
        return True
    try:
        before_import.get()()
    except ImportError:
        return False
    return True
