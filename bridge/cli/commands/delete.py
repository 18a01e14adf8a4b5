"""The subcommand `runbridge delete`: hides runs, which can be restored."""

from __future__ import annotations

from bridge.cli.options import json_option, runs_argument, workspace_option, yes_option
from bridge.cli.subcommands import subcommand


@subcommand("delete")
@runs_argument
@yes_option
@json_option
@workspace_option
def command(runs: tuple[str, ...], yes: bool, json: bool, workspace: str | None) -> None:
    """Delete runs, all or none of them. They are hidden.

    `runbridge restore` restores them until `runbridge gc` removes them.

    \b
    Examples:
      runbridge delete brave-fox calm-owl --yes
    """
    from bridge.cli.deletion import delete_runs
    from bridge.cli.find_workspace import opened

    with opened(workspace) as stores:
        delete_runs(stores, runs, yes, json)
