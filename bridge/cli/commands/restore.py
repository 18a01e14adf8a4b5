"""The subcommand `runbridge restore`: restores deleted runs, or a workspace from a backup."""

from __future__ import annotations

import click

from bridge.cli.complete import complete_deleted_runs
from bridge.cli.options import json_option, workspace_option
from bridge.cli.subcommands import subcommand


@subcommand("restore")
@click.argument("names", metavar="RUN...|TARGET", nargs=-1, required=True, shell_complete=complete_deleted_runs)
@click.option(
    "--from", "backup", metavar="BACKUP",
    help="The folder that `runbridge backup` wrote, whose newest backup is used, or one of the backups in it.",
)  # fmt: skip
@json_option
@workspace_option
def command(names: tuple[str, ...], backup: str | None, json: bool, workspace: str | None) -> None:
    """Restore deleted runs, all or none of them. `runbridge list EXPERIMENT --deleted` shows them.

    With --from, restore a whole workspace from a backup to the folder TARGET, which must be empty or not exist.

    \b
    Examples:
      runbridge restore old-yak
      runbridge restore --from ../backups ../restored
    """
    if backup is not None:
        from bridge.cli.backups import print_restored

        if len(names) != 1 or workspace is not None:
            raise click.UsageError("With --from, give one TARGET and no --workspace.", click.get_current_context())
        print_restored(backup, names[0], json)
        return
    from bridge.cli.deletion import restore_runs
    from bridge.cli.find_workspace import opened

    with opened(workspace) as stores:
        restore_runs(stores, names, json)
