"""The subcommand `runbridge ui`: the page of a workspace in a browser."""

from __future__ import annotations

import click

from bridge.cli.subcommands import subcommand


@subcommand("ui")
@click.argument("workspace", metavar="[WORKSPACE]", required=False)
@click.option("--workspace", "-w", "chosen", hidden=True)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="The port. By default, the first free one from 5000; 0 is any free one.",
)
@click.option("--no-browser", is_flag=True, help="Do not open a browser.")
@click.option("--read-only", is_flag=True, help="Show a page that cannot change anything.")
@click.option("--page", default="", help="The page to open, such as runs/RUN_ID or experiments/ID.")
def command(
    workspace: str | None, chosen: str | None, port: int | None, no_browser: bool, read_only: bool, page: str
) -> None:
    """Show the runs of a workspace in a browser on this computer, until Ctrl-C.

    \b
    Examples:
      runbridge ui
      runbridge ui ./demo --port 0 --no-browser
    """
    from bridge.cli.ui import show

    show(workspace or chosen, port, not no_browser, read_only, page)
