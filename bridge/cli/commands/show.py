"""The subcommand `runbridge show`: everything about one run."""

from __future__ import annotations

from bridge.cli.options import json_option, run_argument, workspace_option
from bridge.cli.subcommands import subcommand


@subcommand("show")
@run_argument
@json_option
@workspace_option
def command(run: str, json: bool, workspace: str | None) -> None:
    """Show one run: its status, params, latest metrics, tags, files and error.

    \b
    Examples:
      runbridge show @latest
      runbridge show brave-fox --json
    """
    from bridge.cli.find_workspace import opened
    from bridge.cli.names import find_run
    from bridge.cli.one_run import print_run, print_run_json

    with opened(workspace) as stores:
        record = find_run(stores, run)
        (print_run_json if json else print_run)(stores, record)
