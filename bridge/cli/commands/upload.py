"""The subcommand `runbridge upload`: files of this computer, which are stored with a run."""

from __future__ import annotations

import click

from bridge.cli.options import json_option, run_argument, workspace_option
from bridge.cli.subcommands import subcommand


@subcommand("upload")
@run_argument
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path())
@click.option("--to", metavar="PATH", help="The folder in the files of the run, such as outputs.")
@click.option("--force", "-f", is_flag=True, help="Replace files that the run has.")
@json_option
@workspace_option
def command(run: str, files: tuple[str, ...], to: str | None, force: bool, json: bool, workspace: str | None) -> None:
    """Store files or folders with a run. Links are followed.

    A file or a folder keeps its name, but not the folders above it. A file that the run has is never replaced, except
    with --force. Each file is stored completely or not at all.

    \b
    Examples:
      runbridge upload @latest results.csv --to outputs
    """
    from bridge.cli.find_workspace import opened
    from bridge.cli.uploads import upload

    with opened(workspace) as stores:
        upload(stores, run, files, to or "", force, json)
