"""The subcommand `runbridge log`: one value of a metric, for shell scripts."""

from __future__ import annotations

import click

from bridge.cli.options import json_option, run_argument, workspace_option
from bridge.cli.subcommands import subcommand


@subcommand("log", ignore_unknown_options=True)  # a negative number is a value, and no option
@run_argument
@click.argument("key", metavar="KEY")
@click.argument("value", metavar="VALUE")
@click.option("--step", "-s", type=int, metavar="N", help="The step. By default, the number of earlier values.")
@json_option
@workspace_option
def command(run: str, key: str, value: str, step: int | None, json: bool, workspace: str | None) -> None:
    """Log one value of a metric, for shell scripts. When the command has ended, the value is stored.

    KEY is the name of the metric. VALUE is a number, also nan or inf, or else a text.
    In a script that `runbridge run` has started, the run is @current.

    \b
    Examples:
      runbridge log @running loss 0.25
      runbridge log @running temperature -3.5 --step 100
      runbridge log quick-elk phase warm-up
    """
    from bridge.cli.find_workspace import opened
    from bridge.cli.logged_value import log_value

    with opened(workspace) as stores:
        log_value(stores, run, key, value, step, json)
