"""The subcommands of `runbridge`. The module of a subcommand is loaded when the subcommand is used."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import click

SECTIONS = {
    "See runs": {
        "list": "List experiments, the runs of one, or workspaces.",
        "show": "Show one run with its params, metrics, files and error.",
        "search": "Search the runs of an experiment with a filter.",
        "compare": "Compare runs side by side.",
        "plot": "Draw charts of metrics in the terminal.",
        "logs": "Print the logs of a run, or follow them.",
        "watch": "Watch the running runs of an experiment.",
        "ui": "Show the workspace on a page in the browser.",
    },
    "Start and change runs": {
        "run": "Run a script as a new run.",
        "cancel": "Cancel runs.",
        "log": "Log a value of a metric, for shell scripts.",
        "tag": "Set, remove or print tags of a run.",
        "rename": "Give a run another name.",
        "note": "Write or print the note of a run.",
        "delete": "Delete runs. They can be restored.",
        "restore": "Restore deleted runs, or a workspace from a backup.",
    },
    "Files": {
        "download": "Copy files of a run to this computer.",
        "upload": "Store files with a run.",
        "export": "Export the runs of an experiment as CSV.",
    },
    "Workspaces": {
        "init": "Create a workspace.",
        "token": "Create, list and revoke the tokens of a server.",
        "doctor": "Check a workspace, and repair it.",
        "vacuum": "Give back space that is not needed.",
        "gc": "Remove deleted runs permanently.",
        "backup": "Back up a workspace.",
        "server": "Serve workspaces to a team and to MLflow clients.",
        "version": "Print the versions of Runbridge and its packages.",
        "completion": "Print the script that completes words in a shell.",
    },
}
"""The subcommands in the order of the help, each with one line. `bridge.cli.commands` has a module for each."""

HELP_NAMES = {"help_option_names": ["--help", "-h"]}

ARGUMENTS = {
    "RUN": "A run: its id or the start of its id, its name if no other run has it, @latest (the newest run), @running "
    "(the only running run) or @current (the run whose script calls the command).",
    "EXPERIMENT": "The name or the id of an experiment.",
    "FILTER": "A filter as in MLflow, such as \"metrics.loss < 0.3 and params.model = 'cnn'\". Statuses are those of "
    "Runbridge, such as Completed. By default, all runs match.",
    "WORKSPACE": "The folder of a workspace, or its name in $BRIDGE_HOME.",
}
"""The explanations of arguments that several subcommands have. A subcommand explains its own ones in its text."""


class Subcommands(click.Group):
    """The group of all subcommands. It loads only the modules that it needs, because each costs milliseconds."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all subcommands, in the order of the help."""
        return [name for names in SECTIONS.values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a subcommand, or None if it does not exist."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = import_module(f"bridge.cli.commands.{cmd_name}").command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find the subcommand that the arguments name. If it does not exist, the error names similar ones."""
        if args and not args[0].startswith("-") and args[0] not in self.list_commands(ctx):
            from difflib import get_close_matches

            similar = get_close_matches(args[0], self.list_commands(ctx))
            hint = f" Did you mean {' or '.join(map(repr, similar))}?" if similar else ""
            raise click.UsageError(f"No such command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections of the help."""
        for title, lines in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(10), line) for name, line in lines.items()])


class Subcommand(click.Command):
    """A subcommand. Its help also explains the arguments that several subcommands have."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the explanations of arguments, and then those of options."""
        names = [(each.metavar or "").strip("[].") for each in self.params if isinstance(each, click.Argument)]
        rows = [(name, ARGUMENTS[name]) for name in names if name in ARGUMENTS]
        if rows:
            with formatter.section("Arguments"):
                formatter.write_dl(rows)
        super().format_options(ctx, formatter)


def subcommand(name: str, **settings: Any) -> Callable[[Callable[..., Any]], Subcommand]:
    """Return a decorator that makes a subcommand of a function."""
    return click.command(name, cls=Subcommand, context_settings={**HELP_NAMES, **settings})
