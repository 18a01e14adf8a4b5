"""Prints and changes the note of a run."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli.changed import print_runs, report
from bridge.cli.names import find_run
from bridge.cli.texts import escaped
from bridge.errors import InvalidValue, SubmitFailed
from bridge.records.run import RunChanges
from bridge.records.text import check_text_or_none

if TYPE_CHECKING:
    from bridge.store.workspace_stores import WorkspaceStores


def note_run(stores: WorkspaceStores, name: str, text: str | None, edit: bool, json: bool) -> None:
    """Print the note of a run, or replace it; see `bridge.cli.commands.note`."""
    if edit and text is not None:
        raise InvalidValue("TEXT", text, "must not be given with --edit")
    run = find_run(stores, name, "active" if edit or text is not None else "all")
    if edit:
        text = edited(run.description or "")
    elif text == "-":
        text = sys.stdin.read().rstrip("\n")
    if text is None:
        _print_note(stores, run.id, run.description, json)
        return
    stores.tracking.update_runs([run.id], RunChanges(description=check_text_or_none("note", text)))
    report(stores, [run], "Changed the note of {}." if text else "Removed the note of {}.", json)


def _print_note(stores: WorkspaceStores, run_id: str, note: str | None, json: bool) -> None:
    if json:
        print_runs(stores, [run_id])
    elif note:
        print("\n".join(escaped(line) for line in note.split("\n")))


def edited(text: str) -> str:
    """Return a text after a person has changed it in the editor that `VISUAL` or `EDITOR` names; by default `vi`."""
    editor = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    with tempfile.TemporaryDirectory(prefix="runbridge-") as folder:
        file = Path(folder) / "note.md"
        file.write_text(text, encoding="utf-8")
        try:
            code = subprocess.run([*editor, str(file)]).returncode
        except OSError as error:
            raise SubmitFailed(f"The editor {editor[0]!r}", None, f"{error.strerror}; set EDITOR") from error
        if code:
            raise SubmitFailed(f"The editor {editor[0]!r}", code, "the note was not changed")
        return file.read_text(encoding="utf-8", errors="replace").rstrip("\n")
