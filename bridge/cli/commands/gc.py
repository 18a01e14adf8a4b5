"""The subcommand `runbridge gc`: removes deleted runs permanently."""

from __future__ import annotations

import click

from bridge.cli.options import json_option, workspace_option, yes_option
from bridge.cli.subcommands import subcommand


@subcommand("gc")
@click.option(
    "--older-than",
    metavar="AGE",
    default="0",
    help="Only what was deleted at least this long ago, such as 30d, 12h or 1d12h. The units are d, h, m and s.",
)
@click.option("--dry-run", is_flag=True, help="Only print what would be removed.")
@yes_option
@json_option
@workspace_option
def command(older_than: str, dry_run: bool, yes: bool, json: bool, workspace: str | None) -> None:
    """Remove deleted runs permanently, with their files and values, and deleted experiments without runs.

    The command asks first. Beside running programs, it can be used at any time.

    \b
    Examples:
      runbridge gc --dry-run
      runbridge gc --older-than 30d --yes
    """
    from bridge.cli.find_workspace import opened
    from bridge.cli.removal import remove_deleted

    with opened(workspace) as stores:
        remove_deleted(stores, older_than, dry_run, yes, json)
