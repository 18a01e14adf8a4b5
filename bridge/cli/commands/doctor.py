"""The subcommand `runbridge doctor`."""

from __future__ import annotations

import click

from bridge.cli.options import json_option, workspace_option
from bridge.cli.subcommands import subcommand


@subcommand("doctor")
@click.option("--repair", is_flag=True, help="Repair what is safe, and keep a copy of everything that is changed.")
@click.option("--quick", is_flag=True, help="Do not read whole files: skip hashes and SQLite's check of its pages.")
@json_option
@workspace_option
@click.pass_context
def command(context: click.Context, repair: bool, quick: bool, json: bool, workspace: str | None) -> None:
    """Check a workspace, and repair it.

    Without --repair, nothing is changed. Other processes may write to the workspace at the same time.
    The exit code is 3 if a fault is left.

    \b
    Examples:
      runbridge doctor
      runbridge doctor --quick --json
      runbridge doctor --repair
    """
    from bridge.cli.doctor import doctor

    context.exit(doctor(workspace, repair, quick, json))
