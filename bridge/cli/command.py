"""The command `runbridge`."""

from __future__ import annotations

import gc
import os
import sys
from typing import Any

import click

from bridge.cli.options import workspace_option
from bridge.cli.subcommands import HELP_NAMES, Subcommands
from bridge.errors import BridgeError

FAILED, USAGE, INTERRUPTED = 1, 2, 130
"""The exit codes of the command for an error, for wrong arguments, and for Ctrl-C."""


class Shown:
    """A setting of this command: whether the traceback of an error is printed."""

    traceback = False


@click.group("runbridge", cls=Subcommands, invoke_without_command=True, context_settings=HELP_NAMES)
@workspace_option
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="runbridge", message="%(prog)s %(version)s")
@click.pass_context
def runbridge(context: click.Context, workspace: str | None, debug: bool) -> None:
    """Track machine-learning runs: see, compare, submit and keep them, in a terminal.

    Without a subcommand, print which workspace is used here and which runs are running.
    """
    Shown.traceback = debug
    if workspace:  # a subcommand uses it, unless it is given another one
        context.default_map = {name: {"workspace": workspace} for name in runbridge.list_commands(context)}
    if context.invoked_subcommand is None:
        from bridge.cli.overview import print_overview

        print_overview(workspace)


def main() -> None:
    """Run the command. An error is printed as one sentence, with the traceback if `--debug` was given."""
    gc.set_threshold(50_000, 20, 20)  # with the default values, collections take a tenth of the start
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a program that calls this function may have replaced the stream
            stream.reconfigure(errors="backslashreplace")
    try:
        code: Any = runbridge.main(prog_name="runbridge", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:  # such as `runbridge list | head -1`: no process reads the rest
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(FAILED)  # as click does, if a part of the output was written before
    except click.Abort:
        sys.exit(INTERRUPTED)
    except Exception as error:
        if Shown.traceback:
            raise
        print(f"runbridge: {_sentence(error)}", file=sys.stderr)
        sys.exit(USAGE if isinstance(error, click.ClickException) else FAILED)
    sys.exit(code if isinstance(code, int) else 0)


def _sentence(error: Exception) -> str:
    from bridge.cli.texts import escaped

    if isinstance(error, BridgeError):
        return escaped(error.sentence)
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        path = context.command_path if context else "runbridge"
        message = escaped(" ".join(error.format_message().split()))
        return f"{message}{'' if message.endswith(('.', '?')) else '.'} `{path} --help` shows the arguments."
    if isinstance(error, OSError) and error.strerror:
        return escaped(f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}.")
    return f"unexpected {escaped(f'{type(error).__name__}: {error}')}. `runbridge --debug …` shows where it happened."
