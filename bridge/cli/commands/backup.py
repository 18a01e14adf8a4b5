"""The subcommand `runbridge backup`."""

from __future__ import annotations

import click

from bridge.cli.options import json_option, workspace_option
from bridge.cli.subcommands import subcommand


@subcommand("backup")
@click.argument("folder", metavar="DEST")
@click.option(
    "--keep", type=click.IntRange(min=1), default=3, metavar="N", show_default=True,
    help="How many backups stay in DEST. Older ones are removed.",
)  # fmt: skip
@click.option("--copy", is_flag=True, help="Copy files of the workspace, even if DEST is on the same disk.")
@click.option("--verify", is_flag=True, help="Read all files of the backup again, and compare their hashes.")
@json_option
@workspace_option
def command(folder: str, keep: int, copy: bool, verify: bool, json: bool, workspace: str | None) -> None:
    """Back up a workspace to the folder DEST, while other processes write to it.

    DEST is a new folder, or has earlier backups of the workspace. Files that did not change are not copied again.

    \b
    Examples:
      runbridge backup ../backups
      runbridge backup ../backups --keep 7 --verify
    """
    from bridge.cli.backups import print_backup
    from bridge.cli.find_workspace import opened

    with opened(workspace) as stores:
        print_backup(stores, folder, keep, not copy, verify, json)
