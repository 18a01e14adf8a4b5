"""`runbridge list` lists workspaces, experiments and runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from terminal import in_pipe, output_of, shown_in_terminal

from bridge import Workspace

pytestmark = pytest.mark.slow


def test_experiments_are_listed_in_a_pipe_and_in_a_terminal(workspace: Workspace) -> None:
    lines = [line.split("\t") for line in output_of("list").splitlines()]
    assert lines[0] == ["ID", "EXPERIMENT", "RUNS", "CREATED"]
    assert [line[1:3] for line in lines[1:]] == [["digits", "3"], ["Default", "0"]]
    shown = shown_in_terminal("list", columns=60)
    assert "digits" in shown
    assert all(len(line) <= 60 for line in shown.splitlines())


def test_runs_of_an_experiment_are_listed_newest_first(workspace: Workspace) -> None:
    lines = [line.split("\t") for line in output_of("list", "digits").splitlines()]
    assert [line[1:3] for line in lines[1:]] == [
        ["quick-elk", "Running"],
        ["calm-owl", "Failed"],
        ["brave-fox", "Completed"],
    ]
    assert all(len(line[0]) == 32 for line in lines[1:])


def test_a_limit_is_respected_and_reported_to_a_person_only(workspace: Workspace) -> None:
    assert len(output_of("list", "digits", "--limit", "1").splitlines()) == 2
    assert "newest 1 of 3 runs" in shown_in_terminal("list", "digits", "-n", "1")


def test_json_has_one_line_for_each_run(workspace: Workspace) -> None:
    runs = [json.loads(line) for line in output_of("list", "digits", "--json").splitlines()]
    assert [run["name"] for run in runs] == ["quick-elk", "calm-owl", "brave-fox"]
    assert runs[2]["params"] == {"learning_rate": "0.1", "model": "cnn"}
    assert runs[2]["metrics"] == {"loss": 1 / 30}


def test_workspaces_of_the_home_folder_are_listed(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIDGE_HOME", str(tmp_path))
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "workspace.db").write_text("no database")
    done = in_pipe("list", "--workspaces", "--json")
    assert done.returncode == 0
    assert [json.loads(line)["path"] for line in done.stdout.splitlines()] == [str(workspace.path)]


def test_an_unknown_experiment_is_one_sentence(workspace: Workspace) -> None:
    done = in_pipe("list", "nope")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "runbridge: There is no experiment 'nope': `runbridge list` shows the experiments.\n"
