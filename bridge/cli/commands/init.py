"""The subcommand `runbridge init`: a new workspace."""

from __future__ import annotations

import click

from bridge.cli.options import json_option
from bridge.cli.subcommands import subcommand


@subcommand("init")
@click.argument("path", metavar="[PATH]", default=".")
@click.option("--name", metavar="NAME", help="The name of the workspace. By default, the name of the folder.")
@click.option("--shared", is_flag=True, help="Let the members of the folder's group write to the workspace.")
@click.option(
    "--durability",
    metavar="process|power",
    help="With process, logged values survive the end of a process. With power, they also survive a power failure.",
)
@click.option("--exist-ok", is_flag=True, help="Accept a workspace that already exists.")
@json_option
def command(path: str, name: str | None, shared: bool, durability: str | None, exist_ok: bool, json: bool) -> None:
    """Create a workspace in the folder PATH, by default in the working folder.

    The folder is created if it does not exist. Other files in the folder are not changed.

    \b
    Examples:
      runbridge init ./trials
      runbridge init ./team --name vision --shared
    """
    from bridge.cli.new_workspace import init

    init(path, name, shared, durability, exist_ok, json)
