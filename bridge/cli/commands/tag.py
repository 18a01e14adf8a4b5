"""The subcommand `runbridge tag`: the tags of a run."""

from __future__ import annotations

import click

from bridge.cli.complete import complete_tags
from bridge.cli.options import json_option, run_argument, workspace_option
from bridge.cli.subcommands import subcommand


@subcommand("tag")
@run_argument
@click.argument("tags", metavar="[KEY[=VALUE]...]", nargs=-1, shell_complete=complete_tags)
@click.option(
    "--remove",
    metavar="KEY",
    multiple=True,
    shell_complete=complete_tags,
    help="Remove a tag. The option can be repeated.",
)
@json_option
@workspace_option
def command(run: str, tags: tuple[str, ...], remove: tuple[str, ...], json: bool, workspace: str | None) -> None:
    """Set and remove tags of a run, all or none of them. Without tags, print the tags of the run.

    \b
    Examples:
      runbridge tag @latest checked team=vision
      runbridge tag brave-fox --remove team
      runbridge tag brave-fox
    """
    from bridge.cli.find_workspace import opened
    from bridge.cli.run_labels import print_tags, tag_run

    with opened(workspace) as stores:
        if tags or remove:
            tag_run(stores, run, tags, remove, json)
        else:
            print_tags(stores, run, json)
