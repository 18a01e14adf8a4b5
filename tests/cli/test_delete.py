"""`runbridge delete` hides runs after a question, and `runbridge restore` restores them."""

from __future__ import annotations

import json

import pytest
from command_workspace import is_deleted, run_named
from terminal import completions, in_pipe, in_terminal, output_of, shown_in_terminal

from bridge import Workspace
from bridge.records.search import RunQuery

pytestmark = pytest.mark.slow


def test_a_person_is_asked(workspace: Workspace) -> None:
    for answer, code, gone in (("n\n", 1, False), ("\n", 1, False), ("\x04", 1, False), ("y\n", 0, True)):
        with in_terminal("delete", "brave-fox", "calm-owl") as terminal:
            terminal.wait_for("Delete brave-fox, calm-owl? [y/N] ")
            terminal.type(answer)
            assert terminal.end() == code, terminal.text
        assert [is_deleted(workspace, name) for name in ("brave-fox", "calm-owl")] == [gone, gone], answer


def test_ctrl_c_at_the_question_changes_nothing(workspace: Workspace) -> None:
    with in_terminal("delete", "quick-elk") as terminal:
        terminal.wait_for("1 run of them has not ended.")
        terminal.wait_for("[y/N]")
        terminal.type("\x03")
        assert terminal.end() == 130
        assert "Traceback" not in terminal.text
    assert not is_deleted(workspace, "quick-elk")


def test_a_pipe_needs_the_option(workspace: Workspace) -> None:
    done = in_pipe("delete", "brave-fox", input="y\n")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "add --yes" in done.stderr
    assert not is_deleted(workspace, "brave-fox")
    assert output_of("delete", "brave-fox", "--yes") == ""
    assert is_deleted(workspace, "brave-fox")


def test_all_names_are_checked_before_a_run_is_deleted(workspace: Workspace) -> None:
    deleted = workspace.stores.tracking.search_run_ids(RunQuery(("1",), view="deleted")).items
    for name in ("nope", "old-yak", *deleted):
        done = in_pipe("delete", "brave-fox", name, "--yes")
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert not is_deleted(workspace, "brave-fox")


def test_json_has_one_line_for_each_run(workspace: Workspace) -> None:
    id = run_named(workspace, "brave-fox").id
    lines = output_of("delete", "brave-fox", "calm-owl", id, "--yes", "--json").splitlines()
    assert [(run["name"], run["stage"]) for run in map(json.loads, lines)] == [
        ("brave-fox", "deleted"),
        ("calm-owl", "deleted"),
    ]


def test_deleted_runs_are_restored(workspace: Workspace) -> None:
    assert "Restored old-yak." in shown_in_terminal("restore", "old-yak")
    assert not is_deleted(workspace, "old-yak")
    done = in_pipe("restore", run_named(workspace, "old-yak").id)
    assert (done.returncode, done.stderr.endswith("is active, but must be deleted.\n")) == (1, True)
    output_of("delete", "old-yak", "calm-owl", "--yes")
    lines = output_of("restore", "old-yak", "calm-owl", "--json").splitlines()
    assert [(run["name"], run["stage"]) for run in map(json.loads, lines)] == [
        ("old-yak", "active"),
        ("calm-owl", "active"),
    ]


def test_only_deleted_runs_are_completed(workspace: Workspace) -> None:
    assert completions("restore", "old") == ["old-yak"]
    assert completions("restore", "brave") == []


def test_a_name_means_the_run_that_is_not_deleted(workspace: Workspace) -> None:
    run_named(workspace, "brave-fox").display_name = "old-yak"
    output_of("delete", "old-yak", "--yes")
    done = in_pipe("restore", "old-yak")
    assert (done.returncode, "2 runs have it" in done.stderr) == (1, True)
