"""The subcommand `runbridge list`: workspaces, experiments of a workspace, or runs of an experiment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bridge.cli.complete import complete_experiments
from bridge.cli.options import json_option, limit_option, quiet_option, workspace_option
from bridge.cli.subcommands import subcommand

if TYPE_CHECKING:
    from bridge.records.search import View


@subcommand("list")
@click.argument("experiment", metavar="[EXPERIMENT]", required=False, shell_complete=complete_experiments)
@click.option("--workspaces", is_flag=True, help="List the workspaces in $BRIDGE_HOME.")
@limit_option
@click.option("--deleted", is_flag=True, help="List the deleted runs of EXPERIMENT, or deleted experiments.")
@quiet_option
@json_option
@workspace_option
def command(
    experiment: str | None,
    workspaces: bool,
    limit: int,
    deleted: bool,
    quiet: bool,
    json: bool,
    workspace: str | None,
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
