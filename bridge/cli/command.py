"""The command `runbridge`."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from bridge.cli.subcommands import Subcommands
from bridge.errors import BridgeError

FAILED, USAGE, INTERRUPTED = 1, 2, 130
"""The exit codes of the command for an error, for wrong arguments, and for Ctrl-C."""

WRONG_ARGUMENTS: Any = next(each for each in typer.BadParameter.__mro__ if each.__name__ == "ClickException")
"""The class of all errors in arguments. Newer versions of typer contain a copy of click, older ones import it."""


class Shown:
    """A setting of this command: whether the traceback of an error is printed."""

    traceback = False


app = typer.Typer(
    name="runbridge",
    cls=Subcommands,
    help="Track machine-learning runs: see, compare, submit and keep them, in a terminal.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["--help", "-h"]},
)


@app.callback()
def runbridge(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Track machine-learning runs: see, compare, submit and keep them, in a terminal.

    Without a subcommand, print which workspace is used here and which runs are running.
    """
    Shown.traceback = debug
    if context.invoked_subcommand is None:
        from bridge.cli.overview import print_overview

        print_overview()


def main() -> None:
    """Run the command. An error is printed as one sentence, with the traceback if `--debug` was given."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a program that calls this function may have replaced the stream
            stream.reconfigure(errors="backslashreplace")
    try:
        code = app(standalone_mode=False)
    except Exception as error:
        if Shown.traceback:
            raise
        print(f"runbridge: {_sentence(error)}", file=sys.stderr)
        sys.exit(USAGE if isinstance(error, WRONG_ARGUMENTS) else FAILED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    sys.exit(code if isinstance(code, int) else 0)


def _sentence(error: Exception) -> str:
    from bridge.cli.texts import escaped

    if isinstance(error, BridgeError):
        return escaped(error.sentence)
    if isinstance(error, WRONG_ARGUMENTS):
        context = getattr(error, "ctx", None)
        help = f"{context.command_path} --help" if context else "runbridge --help"
        message = escaped(error.format_message())
        return f"{message}{'' if message.endswith(('.', '?')) else '.'} `{help}` shows the arguments."
    if isinstance(error, OSError) and error.strerror:
        return escaped(f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}.")
    return f"unexpected {escaped(f'{type(error).__name__}: {error}')}. `runbridge --debug …` shows where it happened."
