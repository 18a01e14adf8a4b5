"""The arguments and options that several subcommands have."""

from __future__ import annotations

from typing import Annotated

import typer

from bridge.cli.complete import complete_experiments, complete_runs

WorkspaceOption = Annotated[
    str | None,
    typer.Option(
        "--workspace",
        "-w",
        metavar="WORKSPACE",
        help="The folder of the workspace, or its name in $BRIDGE_HOME. By default, the workspace that "
        "BRIDGE_WORKSPACE names, that of the project's configuration file, or the working folder.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, one object in each line.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print only ids, one in each line.")]
LimitOption = Annotated[int, typer.Option("--limit", "-n", min=1, metavar="N", help="The greatest number of rows.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

RunArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="The run: its id or the start of its id, its name if no other run has it, @latest or @running.",
        autocompletion=complete_runs,
        show_default=False,
    ),
]
RunsArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN...",
        help="The runs: ids or starts of ids, names, @latest or @running.",
        autocompletion=complete_runs,
        show_default=False,
    ),
]
ExperimentArgument = Annotated[
    str,
    typer.Argument(
        metavar="EXPERIMENT",
        help="The name or the id of the experiment.",
        autocompletion=complete_experiments,
        show_default=False,
    ),
]
