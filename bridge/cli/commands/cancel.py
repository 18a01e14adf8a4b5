"""The subcommand `runbridge cancel`: stops the scripts of runs."""

from __future__ import annotations

from bridge.cli.options import json_option, runs_argument, workspace_option
from bridge.cli.subcommands import subcommand


@subcommand("cancel")
@runs_argument
@json_option
@workspace_option
def command(runs: tuple[str, ...], json: bool, workspace: str | None) -> None:
    """Cancel runs, and wait until their scripts have stopped.

    The script of a run gets SIGTERM, and SIGKILL five seconds later. A run that another program has started becomes
    Canceled, but the program continues.

    \b
    Examples:
      runbridge cancel @running
    """
    from bridge.cli.canceling import cancel_runs
    from bridge.cli.find_workspace import opened

    with opened(workspace) as stores:
        cancel_runs(stores, runs, json)
