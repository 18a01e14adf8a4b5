"""The subcommand `runbridge completion`."""

from __future__ import annotations

import click

from bridge.cli.subcommands import subcommand


@subcommand("completion")
@click.argument("shell", metavar="SHELL", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print a script with which a shell completes runs, experiments and metrics.

    SHELL is bash, zsh or fish. Add this line to the file ~/.bashrc, and the same with zsh to ~/.zshrc:

    \b
      eval "$(runbridge completion bash)"

    \b
    Example:
      runbridge completion zsh
    """
    from click.shell_completion import get_completion_class

    from bridge.cli.command import runbridge

    made = get_completion_class(shell)
    assert made is not None  # click has a class for each of these shells
    print(made(runbridge, {}, "runbridge", "_RUNBRIDGE_COMPLETE").source())
