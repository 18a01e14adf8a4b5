"""`runbridge` without a subcommand says which workspace is used here, and what runs in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_workspace import run_named
from terminal import in_pipe, output_of, shown_in_terminal

from bridge import Workspace

pytestmark = pytest.mark.slow


def test_the_workspace_and_its_running_runs_are_named(workspace: Workspace) -> None:
    for text in (output_of(), shown_in_terminal()):
        assert f"Workspace trials in {workspace.path}: 2 experiments, 3 runs." in text
        assert "quick-elk" in text
        assert "brave-fox" not in text


def test_the_workspace_is_that_of_the_project_above_the_working_folder(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = tmp_path / "project" / "src" / "deep"
    below.mkdir(parents=True)
    (tmp_path / "project" / ".bridge").mkdir()
    (tmp_path / "project" / ".bridge" / "config.json").write_text(json.dumps({"address": str(workspace.path)}))
    monkeypatch.chdir(below)
    assert "Workspace trials" in output_of()


def test_the_option_and_the_variable_name_a_workspace(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Workspace.create("other", path=tmp_path / "other"):
        pass
    monkeypatch.chdir(tmp_path)
    assert "Workspace other" in output_of(BRIDGE_WORKSPACE="other")
    listed = output_of("list", "--workspace", "trials", BRIDGE_WORKSPACE="other")
    assert "digits" in listed
    assert "digits" in output_of("-w", "trials", "list", BRIDGE_WORKSPACE="other")
    assert "Workspace trials" in output_of("-w", "trials", BRIDGE_WORKSPACE="other")
    assert "digits" in output_of("list", "-w", "trials", BRIDGE_HOME=str(tmp_path), BRIDGE_WORKSPACE="nowhere")


def test_without_a_workspace_one_sentence_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = output_of()
    assert "There is no workspace" in text
    assert "runbridge init" in text
    done = in_pipe("list")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)


def test_nothing_is_running(workspace: Workspace) -> None:

    run_named(workspace, "quick-elk").complete()
    assert "Nothing is running." in output_of()
