"""Completion of experiments, runs and metrics in the shell."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem

    from bridge.store.workspace_stores import WorkspaceStores

T = TypeVar("T")

MOST = 50
"""The greatest number of completions."""


def complete_experiments(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the names of experiments that begin with a text."""
    from bridge.cli.names import list_experiments

    names = _read(ctx, lambda stores: [experiment.name for experiment in list_experiments(stores)])
    return _items([(name, "") for name in names if name.startswith(incomplete)])


def complete_runs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the ids of the newest runs whose id begins with a text, and the names that begin with it."""
    from bridge.cli.names import runs_that_begin_with

    found = _read(ctx, lambda stores: runs_that_begin_with(stores, incomplete, MOST))
    return _items([(word, f"{run.display_name}, {run.status}") for word, run in found])


def complete_deleted_runs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the ids of deleted runs that begin with a text, and the names that begin with it."""
    from bridge.cli.names import runs_that_begin_with

    found = _read(ctx, lambda stores: runs_that_begin_with(stores, incomplete, MOST, "deleted"))
    return _items([(word, run.display_name) for word, run in found])


def complete_tags(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the keys of tags that begin with a text."""
    from bridge.cli.names import tags_that_begin_with

    return _items([(key, "") for key in _read(ctx, lambda stores: tags_that_begin_with(stores, incomplete, MOST))])


def complete_files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the paths of files of the chosen run that begin with a text."""
    from bridge.cli.names import find_run
    from bridge.runs.files import file_names
    from bridge.store.run_place import RunPlace

    def read(stores: WorkspaceStores) -> list[str]:
        run = find_run(stores, ctx.params["run"])
        return file_names(RunPlace(stores, run.experiment_id, run.id))

    return _items([(path, "") for path in _read(ctx, read) if path.startswith(incomplete)])


def complete_metrics(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the metrics of the chosen run, or of all runs, that begin with a text."""
    from bridge.cli.names import metrics_of

    keys = _read(ctx, lambda stores: metrics_of(stores, ctx.params.get("run")))
    return _items([(key, "") for key in keys if key.startswith(incomplete)])


def complete_logs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the logs of the chosen run that begin with a text."""
    from bridge.cli.names import find_run
    from bridge.runs.logs import log_paths
    from bridge.store.run_place import RunPlace

    def read(stores: WorkspaceStores) -> list[str]:
        run = find_run(stores, ctx.params["run"])
        return log_paths(RunPlace(stores, run.experiment_id, run.id))

    return _items([(path, "") for path in _read(ctx, read) if path.startswith(incomplete)])


def _items(found: list[tuple[str, str]]) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    from bridge.cli.texts import escaped

    return [CompletionItem(word, help=escaped(text) or None) for word, text in found[:MOST]]


def _read(ctx: click.Context, read: Callable[[WorkspaceStores], list[T]]) -> list[T]:
    """Read something from the workspace that the arguments name. After an error, nothing is completed."""
    from bridge.cli.find_workspace import opened

    with suppress(Exception), opened(ctx.params.get("workspace")) as stores:
        return read(stores)
    return []
