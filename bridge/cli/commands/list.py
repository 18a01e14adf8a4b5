"""The subcommand `runbridge list`: workspaces, experiments of a workspace, or runs of an experiment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.complete import complete_experiments
from bridge.cli.options import JsonOption, LimitOption, QuietOption, WorkspaceOption

if TYPE_CHECKING:
    from bridge.records.search import View


def command(
    experiment: Annotated[
        str | None,
        typer.Argument(
            metavar="[EXPERIMENT]",
            help="The name or the id of an experiment, whose runs are listed.",
            autocompletion=complete_experiments,
            show_default=False,
        ),
    ] = None,
    workspaces: Annotated[bool, typer.Option("--workspaces", help="List the workspaces in $BRIDGE_HOME.")] = False,
    limit: LimitOption = 20,
    deleted: Annotated[bool, typer.Option("--deleted", help="List what was deleted, and can be restored.")] = False,
    quiet: QuietOption = False,
    json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """List experiments, the runs of one experiment, or workspaces.

    \b
    Examples:
      runbridge list
      runbridge list digits --limit 5
      runbridge list --workspaces
    """
    from bridge.cli.find_workspace import opened
    from bridge.cli.lists import list_experiments_of, list_runs_of, list_workspaces

    if workspaces:
        list_workspaces(json, quiet)
        return
    view: View = "deleted" if deleted else "active"
    with opened(workspace) as stores:
        if experiment is None:
            list_experiments_of(stores, view, json, quiet)
        else:
            list_runs_of(stores, experiment, view, limit, json, quiet)
