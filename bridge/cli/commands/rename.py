"""The subcommand `runbridge rename`: the name of a run."""

from __future__ import annotations

import click

from bridge.cli.options import json_option, run_argument, workspace_option
from bridge.cli.subcommands import subcommand


@subcommand("rename")
@run_argument
@click.argument("name", metavar="NAME")
@json_option
@workspace_option
def command(run: str, name: str, json: bool, workspace: str | None) -> None:
    """Give a run the name NAME. Its id stays the same, and several runs may have the same name.

    \b
    Example:
      runbridge rename @latest baseline
    """
    from bridge.cli.find_workspace import opened
    from bridge.cli.run_labels import rename_run

    with opened(workspace) as stores:
        rename_run(stores, run, name, json)
