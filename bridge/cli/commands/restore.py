"""The subcommand `runbridge restore`: restores deleted runs."""

from __future__ import annotations

import click

from bridge.cli.complete import complete_deleted_runs
from bridge.cli.options import json_option, workspace_option
from bridge.cli.subcommands import subcommand


@subcommand("restore")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, shell_complete=complete_deleted_runs)
@json_option
@workspace_option
def command(runs: tuple[str, ...], json: bool, workspace: str | None) -> None:
    """Restore deleted runs, all or none of them. `runbridge list EXPERIMENT --deleted` shows them.

    \b
    Examples:
      runbridge restore old-yak
    """
    from bridge.cli.deletion import restore_runs
    from bridge.cli.find_workspace import opened

    with opened(workspace) as stores:
        restore_runs(stores, runs, json)
