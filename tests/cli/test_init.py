"""`runbridge init` creates a workspace, and nothing else."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from terminal import in_pipe, output_of, shown_in_terminal

from bridge import Workspace

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder whose name cannot be the name of a workspace."""
    folder = tmp_path / "my project é"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_the_working_folder_becomes_a_workspace(folder: Path) -> None:
    (folder / "train.py").write_text("print(1)")
    assert output_of("init") == ""
    assert sorted(path.name for path in folder.iterdir()) == ["artifacts", "journal", "train.py", "workspace.db"]
    with Workspace.open(folder) as workspace:
        assert workspace.name == "my-project-é"
    assert "EXPERIMENT" in output_of("list")


def test_a_person_is_told_what_to_do_next(folder: Path) -> None:
    text = " ".join(shown_in_terminal("init", "a b").split())
    assert f"Created the workspace a-b in {folder}/a b." in text
    assert f"`runbridge run --workspace '{folder}/a b' SCRIPT`" in text
    assert "--workspace" not in shown_in_terminal("init")


def test_all_options_reach_the_workspace(folder: Path) -> None:
    record = json.loads(output_of("init", "team", "--name", "vision", "--shared", "--durability", "power", "--json"))
    assert (record["kind"], record["name"], record["path"]) == ("workspace", "vision", str(folder / "team"))
    assert stat.S_IMODE((folder / "team").stat().st_mode) & 0o2070 == 0o2070
    with Workspace.open(folder / "team") as workspace:
        assert (workspace.id, workspace.stores.durability) == (record["id"], "power")


def test_an_existing_workspace_is_refused_unless_it_is_accepted(folder: Path) -> None:
    id = json.loads(output_of("init", "--name", "first", "--json"))["id"]
    done = in_pipe("init", "--name", "second")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"runbridge: The workspace {str(folder)!r} already exists: add --exist-ok to accept it.\n"
    again = json.loads(output_of("init", "--name", "second", "--exist-ok", "--json"))
    assert (again["id"], again["name"]) == (id, "first")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--name", "no name"], "workspace name 'no name'"),
        (["--durability", "eternal"], "must be one of process, power"),
        (["file/below"], "a part of this path is a file"),
        (["https://example.com"], "must be a folder"),
    ],
)
def test_odd_arguments_create_nothing(folder: Path, arguments: list[str], reason: str) -> None:
    (folder / "file").write_text("")
    done = in_pipe("init", *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert reason in done.stderr
    assert [path.name for path in folder.iterdir()] == ["file"]
