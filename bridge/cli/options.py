"""The arguments and options that several subcommands have, as decorators."""

from __future__ import annotations

import click

from bridge.cli.complete import complete_experiments, complete_runs

workspace_option = click.option(
    "--workspace",
    "-w",
    metavar="WORKSPACE",
    help="The folder of the workspace, or its name in $BRIDGE_HOME. By default, the workspace that BRIDGE_WORKSPACE "
    "names, that of the project's file .bridge/config.json, or the working folder. $BRIDGE_HOME is by default "
    "~/.bridge.",
)
json_option = click.option("--json", is_flag=True, help="Print JSON, one object in each line (JSON Lines).")
quiet_option = click.option("--quiet", "-q", is_flag=True, help="Print only ids, one in each line.")
limit_option = click.option(
    "--limit", "-n", type=click.IntRange(min=1), default=20, metavar="N", show_default=True,
    help="The greatest number of rows.",
)  # fmt: skip
columns_option = click.option(
    "--columns",
    "-c",
    metavar="COLUMNS",
    help="The columns, separated by commas: name, status, user, start_time, duration and others, params.KEY, "
    "tags.KEY, properties.KEY, metrics.KEY, or a value of a metric, such as metrics.KEY:min, :max, :first, :step, "
    ":count, or :@100 for the value at step 100.",
)
sort_option = click.option(
    "--sort",
    "-s",
    metavar="COLUMNS",
    default="",
    help="The order: names of columns, separated by commas. `-` before a name means descending. By default, the "
    "newest runs come first.",
)
yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask.")

run_argument = click.argument("run", metavar="RUN", shell_complete=complete_runs)
runs_argument = click.argument("runs", metavar="RUN...", nargs=-1, required=True, shell_complete=complete_runs)
experiment_argument = click.argument("experiment", metavar="EXPERIMENT", shell_complete=complete_experiments)
