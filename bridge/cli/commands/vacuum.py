"""The subcommand `runbridge vacuum`."""

from __future__ import annotations

import click

from bridge.cli.options import json_option, workspace_option
from bridge.cli.subcommands import subcommand


@subcommand("vacuum")
@click.option(
    "--full", is_flag=True,
    help="Rewrite the databases. Other processes cannot store anything except points as long as this lasts.",
)  # fmt: skip
@json_option
@workspace_option
def command(full: bool, json: bool, workspace: str | None) -> None:
    """Give back the space that a workspace does not need, while other processes write to it.

    It compresses points, removes files that killed processes have left, and makes the database smaller in short steps.

    \b
    Examples:
      runbridge vacuum
      runbridge vacuum --full
    """
    from bridge.cli.find_workspace import opened
    from bridge.cli.space import print_vacuum

    with opened(workspace) as stores:
        print_vacuum(stores, full, json)
