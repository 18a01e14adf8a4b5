"""The subcommand `runbridge ui`: the page of a workspace in a browser."""

from __future__ import annotations

from typing import Annotated

import typer


def command(
    workspace: Annotated[
        str | None,
        typer.Argument(
            help="The folder of the workspace, or its name in $BRIDGE_HOME. By default, the workspace that "
            "BRIDGE_WORKSPACE names, that of the project's configuration file, or the working folder.",
            show_default=False,
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="The port. By default, the first free one from 5000; 0 is any free one."),
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open a browser.")] = False,
    read_only: Annotated[bool, typer.Option("--read-only", help="Show a page that cannot change anything.")] = False,
    page: Annotated[
        str, typer.Option(help="The page to open, such as runs/RUN_ID or experiments/ID.", show_default=False)
    ] = "",
    chosen: Annotated[str | None, typer.Option("--workspace", "-w", hidden=True)] = None,
) -> None:
    """Show the runs of a workspace in a browser on this computer, until Ctrl-C.

    \b
    Examples:
      runbridge ui
      runbridge ui ./demo --port 0 --no-browser
    """
    from bridge.cli.ui import show

    show(workspace or chosen, port, not no_browser, read_only, page)
