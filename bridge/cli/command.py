"""The command `runbridge` and its subcommands."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from bridge.errors import BridgeError

app = typer.Typer(
    name="runbridge",
    help="Runbridge, a self-hosted tracker of machine-learning runs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def _runbridge() -> None:
    """With a function of the whole command, typer requires the name of a subcommand even if only one exists."""


@app.command()
def ui(
    workspace: Annotated[
        str | None,
        typer.Argument(
            help="The folder of the workspace, or its name in $BRIDGE_HOME. By default, the workspace that "
            "BRIDGE_WORKSPACE names, that of the project's configuration file, or the working folder."
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="The port. By default, the first free one from 5000; 0 is any free one."),
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open a browser.")] = False,
    read_only: Annotated[bool, typer.Option("--read-only", help="Show a page that cannot change anything.")] = False,
    page: Annotated[str, typer.Option(help="The page to open, such as runs/RUN_ID.")] = "",
) -> None:
    """Show the runs of a workspace in a browser on this computer, until Ctrl-C."""
    from bridge.cli.ui import show

    show(workspace, port, not no_browser, read_only, page)


def main() -> None:
    """Run the command. An error of Runbridge is printed as one sentence."""
    try:
        app()
    except BridgeError as error:
        print(f"runbridge: {error.sentence}", file=sys.stderr)
        sys.exit(1)
