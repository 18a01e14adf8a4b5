"""The subcommand `runbridge run`: a script in a process of its own."""

from __future__ import annotations

import click

from bridge.cli.complete import complete_experiments
from bridge.cli.options import json_option, workspace_option
from bridge.cli.subcommands import subcommand


@subcommand("run", allow_interspersed_args=False)  # everything after the script belongs to the script
@click.argument("script", metavar="SCRIPT", type=click.Path())
@click.argument("arguments", metavar="[ARGUMENTS...]", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--experiment",
    "-e",
    metavar="NAME",
    shell_complete=complete_experiments,
    help="The experiment, created if absent. By default, it has the name of the source folder.",
)
@click.option(
    "--source-directory",
    metavar="FOLDER",
    type=click.Path(),
    help="The folder that is stored as the source of the run. The script works in a copy of it. By default, the "
    "working folder.",
)
@click.option("--name", metavar="NAME", help="The name of the run. By default, a random one.")
@click.option("--tag", "tags", metavar="KEY[=VALUE]", multiple=True, help="A tag. The option can be repeated.")
@click.option("--param", "params", metavar="KEY=VALUE", multiple=True, help="A param. The option can be repeated.")
@click.option(
    "--follow",
    "-f",
    is_flag=True,
    help="Print the logs, instead of the id, until the run ends. If it fails, exit with 3.",
)
@json_option
@workspace_option
def command(
    script: str,
    arguments: tuple[str, ...],
    experiment: str | None,
    source_directory: str | None,
    name: str | None,
    tags: tuple[str, ...],
    params: tuple[str, ...],
    follow: bool,
    json: bool,
    workspace: str | None,
) -> None:
    """Run a script in a process of its own, as a new run, and print the id of the run.

    The script works in a copy of the source folder, which is stored with the run. It continues when the terminal is
    closed. With --follow, Ctrl-C ends only the printing, and `runbridge cancel` stops the script.

    Options of this command are before SCRIPT. Everything after SCRIPT is passed to the script.

    A Python script logs with `from bridge import Run` and `Run.get_context().log("loss", 0.25)`, any other script with
    `runbridge log @current loss 0.25`. Files that the script writes to the folder outputs are stored with the run.

    \b
    Examples:
      runbridge run train.py
      runbridge run --experiment digits --param rate=0.1 --follow train.py --epochs 3
    """
    from bridge.cli.find_workspace import opened
    from bridge.cli.submission import Submission, follow_run, submit

    given = Submission(script, arguments, experiment, source_directory, name, tags, params)
    with opened(workspace) as stores:
        place = submit(stores, given, quiet=follow, json=json)
        if follow and follow_run(place, json) != "Completed":
            raise click.exceptions.Exit(3)
