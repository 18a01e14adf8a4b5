"""The subcommand `runbridge logs`: the logs of a run, also while they grow."""

from __future__ import annotations

import click

from bridge.cli.complete import complete_logs
from bridge.cli.options import run_argument, workspace_option
from bridge.cli.subcommands import subcommand


@subcommand("logs")
@run_argument
@click.argument("path", metavar="[PATH]", required=False, shell_complete=complete_logs)
@click.option("--follow", "-f", is_flag=True, help="Print what is added, until the run ends.")
@click.option("--tail", "-t", type=click.IntRange(min=0), metavar="N", help="Print only the last lines.")
@workspace_option
@click.pass_context
def command(
    context: click.Context, run: str, path: str | None, follow: bool, tail: int | None, workspace: str | None
) -> None:
    """Print the logs of a run, with their colours.

    PATH is a log, such as user_logs/std_log.txt. By default, these are the logs of the environment's build, of the
    script, and of an interactive run. If a run that is followed fails or is canceled, the exit code is 3.

    \b
    Examples:
      runbridge logs brave-fox
      runbridge logs brave-fox --follow --tail 20
    """
    from bridge.cli.find_workspace import opened
    from bridge.cli.log_output import follow_logs, print_logs
    from bridge.cli.names import find_run
    from bridge.store.run_place import RunPlace

    with opened(workspace) as stores:
        record = find_run(stores, run)
        place = RunPlace(stores, record.experiment_id, record.id)
        if not follow:
            print_logs(place, path, tail)
        elif follow_logs(place, path, tail) != "Completed":
            context.exit(3)
