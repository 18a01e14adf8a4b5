"""`runbridge download` and `upload` copy files, and replace none without `--force`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from command_workspace import run_named
from terminal import completions, in_pipe, in_terminal, output_of, shown_in_terminal

from bridge import Workspace
from bridge.cli.downloads import _place_new
from bridge.errors import AlreadyExists

pytestmark = pytest.mark.slow

TREE = {"a/one.txt": b"1", "a/b/two.bin": bytes(range(256)), "three": b""}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with files."""
    for path, content in TREE.items():
        (tmp_path / "tree" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / path).write_bytes(content)
    return tmp_path / "tree"


def content_below(folder: Path) -> dict[str, bytes]:
    """Return the content of all files below a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_a_folder_is_uploaded_and_downloaded(workspace: Workspace, tree: Path, tmp_path: Path) -> None:
    assert output_of("upload", "quick-elk", tree, "results.csv", "--to", "/outputs/new/") == ""
    run = run_named(workspace, "quick-elk")
    wanted = {f"outputs/new/tree/{path}" for path in TREE} | {"outputs/new/results.csv"}
    assert set(run.get_file_names()) == wanted
    assert output_of("download", "quick-elk", "outputs/new/tree", "--to", tmp_path / "copy") == ""
    assert content_below(tmp_path / "copy") == {f"tree/{path}": content for path, content in TREE.items()}
    text = shown_in_terminal("download", "quick-elk", "--to", tmp_path / "all")
    assert f"Downloaded 4 files (265 B) to {tmp_path / 'all'}." in " ".join(text.split())
    assert set(content_below(tmp_path / "all")) == wanted


def test_json_has_one_line_for_each_file(workspace: Workspace, tree: Path, tmp_path: Path) -> None:
    id = run_named(workspace, "quick-elk").id
    local = str(tree / "a" / "one.txt")
    assert json.loads(output_of("upload", "quick-elk", local, "--json")) == {
        "kind": "file", "run": id, "path": "one.txt", "size_bytes": 1, "local_path": local,
    }  # fmt: skip
    assert json.loads(output_of("download", "quick-elk", "one.txt", "--json"))["local_path"] == os.path.abspath(
        "one.txt"
    )


def test_nothing_is_downloaded_if_one_file_exists(workspace: Workspace, tmp_path: Path) -> None:
    target = tmp_path / "to"
    (target / "user_logs").mkdir(parents=True)
    run = run_named(workspace, "quick-elk")
    for name in ("first.txt", "user_logs/log.txt"):
        run.upload_file(name, workspace.path / "results.csv")
    (target / "user_logs" / "log.txt").symlink_to("nowhere")
    done = in_pipe("download", "quick-elk", "--to", target)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "--force replaces it; nothing was downloaded" in done.stderr
    assert content_below(target) == {}
    output_of("download", "quick-elk", "--to", target, "--force")
    assert content_below(target) == {"first.txt": b"a,b\n1,2\n", "user_logs/log.txt": b"a,b\n1,2\n"}


def test_a_file_that_appears_in_the_meantime_is_not_replaced(tmp_path: Path) -> None:
    part, target = tmp_path / "part", tmp_path / "target"
    part.write_text("new")
    target.write_text("old")
    with pytest.raises(AlreadyExists):
        _place_new(part, target)
    assert target.read_text() == "old"


def test_nothing_is_uploaded_if_one_file_exists(workspace: Workspace, tree: Path) -> None:
    run = run_named(workspace, "quick-elk")
    output_of("upload", "quick-elk", tree / "three")
    (tree / "three").write_text("changed")
    done = in_pipe("upload", "quick-elk", tree / "a", tree / "three")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("'three' already exists: --force replaces it; nothing was uploaded.\n")
    assert run.get_file_names() == ["three"]
    output_of("upload", "quick-elk", tree / "a", tree / "three", "--force")
    assert json.loads(output_of("show", "quick-elk", "--json"))["files"][-1] == {"path": "three", "size_bytes": 7}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["download", "brave-fox", "nope"], "There is no file 'nope'"),
        (["download", "brave-fox", "../x"], "artifact path"),
        (["download", "brave-fox", "--to", "results.csv/x"], "must not be below a file"),
        (["download", "nope"], "There is no run 'nope'"),
        (["upload", "quick-elk", "nope"], "There is no file 'nope'"),
        (["upload", "quick-elk", "train.py", "other/train.py"], "would have the same path"),
        (["upload", "quick-elk", "train.py", "/dev/null"], "neither a file nor a folder"),
        (["upload", "quick-elk", "train.py", "--to", ".."], "artifact path"),
        (["upload", "old-yak", "train.py"], "There is no run 'old-yak'"),
    ],
)
def test_odd_arguments_copy_nothing(workspace: Workspace, arguments: list[str], reason: str) -> None:
    Path("other").mkdir()
    Path("other/train.py").write_text("another script")
    before = content_below(workspace.path / "artifacts")
    done = in_pipe(*arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert reason in done.stderr
    assert content_below(workspace.path / "artifacts") == before
    assert list(Path("outputs").iterdir()) == []


def test_files_of_the_run_are_completed(workspace: Workspace) -> None:
    found = completions("download", "brave-fox", "outputs/m")
    assert found == ["outputs/model.bin"]


def test_a_bar_is_shown_to_a_person(workspace: Workspace, tmp_path: Path) -> None:
    large = tmp_path / "large.bin"
    with large.open("wb") as file:
        file.truncate(300_000_000)
    with in_terminal("upload", "quick-elk", large, columns=120) as terminal:
        terminal.wait_for("Uploading 1 file")
        terminal.wait_for("/300.0 MB")
        assert terminal.end() == 0, terminal.text
        assert "Uploaded 1 file (300 MB) to quick-elk." in terminal.text
    with in_terminal("download", "quick-elk", "--to", tmp_path / "copy", columns=80) as terminal:
        terminal.wait_for("Downloading 1 file")
        terminal.type("\x03")
        assert terminal.end() in (0, 130)
    left = content_below(tmp_path / "copy")
    assert left in ({}, {"large.bin": large.read_bytes()})
