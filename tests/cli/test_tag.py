"""`runbridge tag`, `rename` and `note` change the labels of a run."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from command_workspace import run_named
from terminal import completions, in_pipe, in_terminal, output_of, shown_in_terminal

from bridge import Workspace

pytestmark = pytest.mark.slow


def test_tags_are_set_and_removed_together(workspace: Workspace) -> None:
    run = run_named(workspace, "brave-fox")
    assert output_of("tag", "brave-fox", "checked", "formula=a=b", "empty=", "--remove", "team") == ""
    assert run.tags == {"checked": None, "formula": "a=b", "empty": ""}
    assert "set k{}, removed empty" not in output_of("tag", "brave-fox", "k{}=1")
    assert "Tags of brave-fox: set k and removed k{}." in shown_in_terminal("tag", run.id, "k=1", "--remove", "k{}")


def test_tags_are_printed(workspace: Workspace) -> None:
    run_named(workspace, "brave-fox").tag("odd\u202ekey", "two\nlines")
    assert output_of("tag", "brave-fox") == "KEY\tVALUE\nteam\tvision\nodd\\u202ekey\ttwo\\nlines\n"
    assert json.loads(output_of("tag", "brave-fox", "--json"))["tags"]["team"] == "vision"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["a=1", "--remove", "nope"], "There is no tag 'nope'"),
        (["a=1", "--remove", "a"], "must not be set and removed by the same command"),
        (["=1", "a=1"], "tag key ''"),
        (["a=1", "mlflow.runName=x"], "set the display name instead"),
    ],
)
def test_after_an_error_no_tag_has_changed(workspace: Workspace, arguments: list[str], reason: str) -> None:
    done = in_pipe("tag", "brave-fox", *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert reason in done.stderr
    assert run_named(workspace, "brave-fox").tags == {"team": "vision"}


def test_keys_of_tags_are_completed(workspace: Workspace) -> None:
    run_named(workspace, "calm-owl").tag("teacher")
    assert completions("tag", "brave-fox", "tea") == ["teacher", "team"]
    assert completions("tag", "brave-fox", "mlflow") == []


def test_a_run_is_renamed(workspace: Workspace) -> None:
    run = run_named(workspace, "brave-fox")
    assert json.loads(output_of("rename", "brave-fox", "{base}\x1b", "--json"))["name"] == "{base}\x1b"
    assert "Renamed {base}\\x1b to best {1}." in shown_in_terminal("rename", run.id[:12], "best {1}")
    assert run.display_name == "best {1}"
    for name in ("", "  "):
        assert in_pipe("rename", run.id, name).stderr == f"runbridge: name {name!r}: must not be empty.\n"
    assert run.display_name == "best {1}"


def test_a_note_is_written_read_and_removed(workspace: Workspace) -> None:
    run = run_named(workspace, "brave-fox")
    assert output_of("note", "brave-fox", "**Best** so far") == ""
    assert output_of("note", "brave-fox") == "**Best** so far\n"
    assert output_of("note", "brave-fox", "-", input="two\nlines\x1b[31m\n") == ""
    assert run.description == "two\nlines\x1b[31m"
    assert output_of("note", "brave-fox") == "two\nlines\\x1b[31m\n"
    assert json.loads(output_of("note", "brave-fox", "--json"))["description"] == "two\nlines\x1b[31m"
    assert "Removed the note of brave-fox." in shown_in_terminal("note", "brave-fox", "")
    assert (run.description, output_of("note", "brave-fox")) == (None, "")


def test_a_note_is_edited_in_the_editor(workspace: Workspace, tmp_path: Path) -> None:
    run = run_named(workspace, "brave-fox")
    run.description = "old note"
    editor = tmp_path / "my editor.py"
    editor.write_text("import sys; p = sys.argv[2]; t = open(p).read(); open(p, 'w').write(t.replace('old', 'new'))")
    command = f"{sys.executable} '{editor}' --wait"
    with in_terminal("note", "brave-fox", "--edit", EDITOR=command, VISUAL="") as terminal:
        assert (terminal.end(), run.description) == (0, "new note")
    for broken in ("false", "/nope/editor"):
        done = in_pipe("note", "brave-fox", "--edit", EDITOR=broken, VISUAL="")
        assert (done.returncode, done.stderr.count("\n"), run.description) == (1, 1, "new note")
    assert in_pipe("note", "brave-fox", "text", "--edit").returncode == 1


def test_a_deleted_run_is_not_changed(workspace: Workspace) -> None:
    for arguments in (["tag", "old-yak", "a=1"], ["rename", "old-yak", "x"], ["note", "old-yak", "x"]):
        done = in_pipe(*arguments)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
