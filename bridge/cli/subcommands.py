"""The subcommands of `runbridge`. The module of a subcommand is loaded when the subcommand is used."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import click

SECTIONS = {
    "See runs": ("list", "show", "search", "compare", "plot", "logs", "watch", "ui"),
    "Start and change runs": ("run", "cancel", "log", "tag", "rename", "note", "delete", "restore"),
    "Files": ("download", "upload", "export"),
    "Workspaces": ("init", "doctor", "vacuum", "gc", "backup", "version", "completion"),
}
"""The subcommands in the order of the help. `bridge.cli.commands` has a module for each, with its object `command`."""

HELP_NAMES = {"help_option_names": ["--help", "-h"]}

ARGUMENTS = {
    "RUN": "A run: its id or the start of its id, its name if no other run has it, @latest, @running or @current.",
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
        width = max(len(name) for name in self.list_commands(ctx))
        for title, names in SECTIONS.items():
            commands = [(name, self.get_command(ctx, name)) for name in names]
            room = formatter.width - 6 - width
            rows = [(name.ljust(width), each.get_short_help_str(room)) for name, each in commands if each]
            with formatter.section(title):
                formatter.write_dl(rows)


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
