"""The subcommand `runbridge download`: files of a run."""

from __future__ import annotations

import click

from bridge.cli.complete import complete_files
from bridge.cli.options import json_option, run_argument, workspace_option
from bridge.cli.subcommands import subcommand


@subcommand("download")
@run_argument
@click.argument("path", metavar="[PATH]", required=False, shell_complete=complete_files)
@click.option(
    "--to", metavar="FOLDER", type=click.Path(), help="The folder, created if absent. By default, the working folder."
)
@click.option("--force", "-f", is_flag=True, help="Replace files that exist.")
@json_option
@workspace_option
def command(run: str, path: str | None, to: str | None, force: bool, json: bool, workspace: str | None) -> None:
    """Write files of a run to this computer: all files, or the file or folder PATH.

    A file or a folder keeps its name, but not the folders above it. A file that exists is never replaced, except with
    --force. Each file is written completely or not at all.

    \b
    Examples:
      runbridge download brave-fox --to ./copies
      runbridge download brave-fox outputs/model.bin
    """
    from bridge.cli.downloads import download
    from bridge.cli.find_workspace import opened

    with opened(workspace) as stores:
        download(stores, run, path, to or ".", force, json)
