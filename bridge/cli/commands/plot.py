"""The subcommand `runbridge plot`: charts of metrics in the terminal, or as a picture."""

from __future__ import annotations

from pathlib import Path

import click

from bridge.cli.complete import complete_metrics, complete_runs
from bridge.cli.local_file import LocalFile
from bridge.cli.options import json_option, run_argument, workspace_option
from bridge.cli.subcommands import subcommand


@subcommand("plot")
@run_argument
@click.argument("metrics", metavar="METRIC...", nargs=-1, required=True, shell_complete=complete_metrics)
@click.option(
    "--run", "-r", "others", metavar="RUN", multiple=True, shell_complete=complete_runs,
    help="Another run in the same charts. It may be given several times.",
)  # fmt: skip
@click.option(
    "--x", type=click.Choice(["step", "time", "relative"]), default="step", show_default=True,
    help="The horizontal axis: the step, the time, or the time since the start.",
)  # fmt: skip
@click.option("--log", is_flag=True, help="Use a logarithmic vertical axis.")
@click.option("--log-x", is_flag=True, help="Use a logarithmic horizontal axis.")
@click.option(
    "--height", type=click.IntRange(4, 200), default=16, show_default=True, metavar="N",
    help="The number of lines of a chart in a terminal.",
)  # fmt: skip
@click.option(
    "--png", type=LocalFile(), metavar="FILE",
    help="Write a picture instead. This needs matplotlib.",
)  # fmt: skip
@json_option
@workspace_option
def command(
    run: str,
    metrics: tuple[str, ...],
    others: tuple[str, ...],
    x: str,
    log: bool,
    log_x: bool,
    height: int,
    png: Path | None,
    json: bool,
    workspace: str | None,
) -> None:
    """Plot metrics of runs: one chart for each metric, with the exact least and greatest values.

    A column of a table is the metric TABLE.COLUMN. In a pipe, the points of the curves are printed.

    \b
    Examples:
      runbridge plot brave-fox loss
      runbridge plot brave-fox loss --run calm-owl --log --x relative
      runbridge plot brave-fox loss --png loss.png
    """
    from bridge.cli.curves import Axes
    from bridge.cli.find_workspace import opened
    from bridge.cli.names import find_run
    from bridge.cli.plot import plot

    with opened(workspace) as stores:
        runs = [find_run(stores, name) for name in (run, *others)]
        plot(stores, runs, metrics, Axes(x, log_x, log), height, png, json)
