"""The subcommands of `runbridge`. The module of a subcommand is loaded when the subcommand is used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

SECTIONS = {
    "See runs": ("list", "show", "ui"),
    "Workspaces": ("version",),
}
"""The subcommands in the order of the help. `bridge.cli.commands` has a module for each, with a function `command`."""


class Subcommands(TyperGroup):
    """The group of all subcommands. It loads only the modules that it needs, because each costs milliseconds."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all subcommands, in the order of the help."""
        return [name for names in SECTIONS.values() for name in names]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a subcommand, or None if it does not exist."""
        if cmd_name not in self.list_commands(ctx):
            return None
        if self.commands.get(cmd_name) is None:
            self.commands[cmd_name] = _load(cmd_name)
        return self.commands[cmd_name]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the subcommand that the arguments name. If it does not exist, the error names similar ones."""
        known = self.list_commands(ctx)
        if args and args[0] not in known:
            self.commands.update({name: self.get_command(ctx, name) for name in known})
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the sections of the help."""
        width = max(len(name) for name in self.list_commands(ctx))
        for title, names in SECTIONS.items():
            with formatter.section(title):
                commands = [(name, self.get_command(ctx, name)) for name in names]
                room = formatter.width - 6 - width
                formatter.write_dl([(name.ljust(width), each.get_short_help_str(room)) for name, each in commands])


def _load(name: str) -> Any:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    settings = {"help_option_names": ["--help", "-h"]}
    app.command(name, context_settings=settings)(import_module(f"bridge.cli.commands.{name}").command)
    return typer.main.get_command(app)
