"""The subcommand `runbridge search`: runs that match a filter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bridge.cli.options import (
    columns_option,
    experiment_argument,
    json_option,
    limit_option,
    quiet_option,
    sort_option,
    workspace_option,
)
from bridge.cli.subcommands import subcommand

if TYPE_CHECKING:
    from bridge.records.search import View


@subcommand("search")
@experiment_argument
@click.argument("filter", metavar="[FILTER]", default="")
@sort_option
@columns_option
@limit_option
@click.option("--all", "-a", "has_all", is_flag=True, help="Print all runs that match.")
@click.option("--deleted", is_flag=True, help="Search the runs that can be restored.")
@quiet_option
@json_option
@workspace_option
def command(
    experiment: str,
    filter: str,
    sort: str,
    columns: str | None,
    limit: int,
    has_all: bool,
    deleted: bool,
    quiet: bool,
    json: bool,
    workspace: str | None,
) -> None:
    """Search the runs of an experiment with a filter, and print chosen columns.

    \b
    Examples:
      runbridge search digits "metrics.loss < 0.3 and params.model = 'cnn'"
      runbridge search digits --sort metrics.loss:min --columns name,metrics.loss:min,params.learning_rate
      runbridge search digits "status = 'Failed'" --all --quiet
    """
    from bridge.cli.find_workspace import opened
    from bridge.cli.names import find_experiment
    from bridge.cli.run_search import new_search, print_search

    view: View = "deleted" if deleted else "active"
    with opened(workspace) as stores:
        found = find_experiment(stores, experiment)
        print_search(new_search(stores, found, filter, sort, view, None if has_all else limit), columns, json, quiet)
