"""`runbridge backup`, `restore` and `vacuum`, in a terminal and in a pipe."""

from __future__ import annotations

import json

import pytest
from terminal import in_pipe, in_terminal, output_of
from whole_workspace import content_of

from bridge import Workspace

pytestmark = pytest.mark.slow


def test_a_backup_is_made_and_restored(workspace: Workspace) -> None:
    text = output_of("backup", "../backups")
    assert text.startswith(f"Backup {workspace.path.parent}/backups/000001-")
    assert "of it copied." in text
    assert output_of("restore", "--from", "../backups", "../restored").startswith("Restored the workspace trials of ")
    assert content_of(workspace.path.parent / "restored") == content_of(workspace.path)


def test_the_results_are_printed_as_json(workspace: Workspace) -> None:
    made = json.loads(output_of("backup", "../backups", "--json", "--keep", "1", "--copy", "--verify"))
    assert made.keys() == {"kind", "path", "size_bytes", "copied_bytes", "files", "missing", "changed"}
    restored = json.loads(output_of("restore", "--from", made["path"], "../restored", "--json"))
    assert restored.keys() == {"kind", "path", "backup", "name", "created", "size_bytes", "files"}
    assert (restored["backup"], restored["files"]) == (made["path"], made["files"])
    given_back = json.loads(output_of("vacuum", "--json"))
    assert given_back.keys() == {
        "kind", "database_bytes", "leftover_bytes", "longest_wait_seconds", "rewrite_seconds",
    }  # fmt: skip
    assert [one["kind"] for one in (made, restored, given_back)] == ["backup", "restored", "vacuum"]


def test_a_terminal_gets_a_progress_bar_that_ends_with_the_result(workspace: Workspace) -> None:
    with in_terminal("backup", "../backups") as terminal:
        terminal.wait_for("of it copied")
        assert terminal.end() == 0
    with in_terminal("vacuum") as terminal:
        terminal.wait_for("Gave back")
        assert terminal.end() == 0


def test_errors_are_one_sentence(workspace: Workspace) -> None:
    output_of("backup", "../backups")
    for arguments, text in (
        (("backup", "./inside"), "must not be in the workspace"),
        (("backup", ".."), "must be a new or empty folder"),
        (("restore", "--from", "../backups", "."), "it is not empty"),
        (("restore", "--from", "../none", "../new"), "There is no backup"),
    ):
        done = in_pipe(*arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert text in done.stderr
        assert done.stderr.count("\n") == 1
    assert in_pipe("backup", "../backups", "--keep", "0").returncode == 2
