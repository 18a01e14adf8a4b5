"""Completion of experiments, runs and metrics in the shell."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from bridge.store.workspace_stores import WorkspaceStores

T = TypeVar("T")

MOST = 50
"""The greatest number of completions."""


def complete_experiments(ctx: Any, incomplete: str) -> list[str]:
    """Return the names of experiments that begin with a text."""
    from bridge.cli.names import list_experiments

    names = _read(ctx, lambda stores: [experiment.name for experiment in list_experiments(stores)])
    return [name for name in names if name.startswith(incomplete)][:MOST]


def complete_runs(ctx: Any, incomplete: str) -> list[tuple[str, str]]:
    """Return the ids of the newest runs whose id begins with a text, and the names that begin with it."""
    from bridge.cli.names import runs_that_begin_with
    from bridge.cli.texts import escaped

    found = _read(ctx, lambda stores: runs_that_begin_with(stores, incomplete, MOST))
    return [(word, escaped(f"{run.display_name}, {run.status}")) for word, run in found]


def complete_metrics(ctx: Any, incomplete: str) -> list[str]:
    """Return the metrics of the chosen run, or of all runs, that begin with a text."""
    from bridge.cli.names import metrics_of

    keys = _read(ctx, lambda stores: metrics_of(stores, ctx.params.get("run")))
    return [key for key in keys if key.startswith(incomplete)][:MOST]


def _read(ctx: Any, read: Callable[[WorkspaceStores], list[T]]) -> list[T]:
    """Read something from the workspace that the arguments name. After an error, nothing is completed."""
    from bridge.cli.find_workspace import opened

    with suppress(Exception), opened(ctx.params.get("workspace")) as stores:
        return read(stores)
    return []
