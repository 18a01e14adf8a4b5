"""The subcommand `runbridge compare`: what differs between runs."""

from __future__ import annotations

import click

from bridge.cli.options import json_option, runs_argument, workspace_option
from bridge.cli.subcommands import subcommand


@subcommand("compare")
@runs_argument
@click.option("--all", "-a", "has_equal", is_flag=True, help="Print also what is equal.")
@json_option
@workspace_option
def command(runs: tuple[str, ...], has_equal: bool, json: bool, workspace: str | None) -> None:
    """Compare runs side by side: params, latest metrics, tags, environments and sources. Equal rows are not printed.

    \b
    Examples:
      runbridge compare brave-fox calm-owl
      runbridge compare brave-fox calm-owl @latest --all
    """
    from bridge.cli.comparison import compare
    from bridge.cli.find_workspace import opened
    from bridge.cli.names import find_run

    with opened(workspace) as stores:
        compare(stores, [find_run(stores, run) for run in runs], has_equal, json)
