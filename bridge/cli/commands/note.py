"""The subcommand `runbridge note`: the note of a run."""

from __future__ import annotations

import click

from bridge.cli.options import json_option, run_argument, workspace_option
from bridge.cli.subcommands import subcommand


@subcommand("note")
@run_argument
@click.argument("text", metavar="[TEXT|-]", required=False)
@click.option("--edit", is_flag=True, help="Open the note in $EDITOR.")
@json_option
@workspace_option
def command(run: str, text: str | None, edit: bool, json: bool, workspace: str | None) -> None:
    """Write the note of a run, which the page shows as Markdown. Without a text, print the note.

    With -, the text is read from the standard input. An empty text removes the note.

    \b
    Examples:
      runbridge note @latest "The baseline, with a smaller batch."
      runbridge note brave-fox
    """
    from bridge.cli.find_workspace import opened
    from bridge.cli.notes import note_run

    with opened(workspace) as stores:
        note_run(stores, run, text, edit, json)
