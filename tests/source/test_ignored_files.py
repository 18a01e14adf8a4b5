"""A snapshot excludes files that Git would ignore by the same rules, and files that are never source."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from longer import SCALE

from bridge import Experiment, Workspace
from bridge.source.snapshot import restore_snapshot, take_snapshot
from bridge.source.tree import TreeScan

NAMES = ("a", "b", "ab", "a.log", "kept", ".hidden")


def found_in(folder: Path) -> set[str]:
    """Return the paths of the files in a snapshot of a folder."""
    return {found.path for found in TreeScan(folder, 10_000, frozenset()).run({}, "").files}


def make(folder: Path, *files: str) -> None:
    for file in files:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x", encoding="utf-8")


def git(folder: Path, *words: str, given: str = "", codes: tuple[int, ...] = (0,)) -> str:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    done = subprocess.run(
        ["git", *words], cwd=folder, env=environment, input=given, capture_output=True, text=True, timeout=60
    )
    assert done.returncode in codes, done.stderr
    return done.stdout


def everything_below(folder: Path) -> list[str]:
    files = (path for path in folder.rglob("*") if path.is_file() and ".git" not in path.relative_to(folder).parts)
    return [path.relative_to(folder).as_posix() for path in files]


segments = st.sampled_from([*NAMES, "*", "**", "?", "*.log", "a*", "[ab]", "\\a", "a\\*"])
patterns = st.builds(
    lambda negated, rooted, parts, folder: negated + rooted + "/".join(parts) + folder,
    st.sampled_from(["", "", "!"]),
    st.sampled_from(["", "", "/"]),
    st.lists(segments, min_size=1, max_size=3),
    st.sampled_from(["", "", "/"]),
)
paths = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map("/".join)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    git(folder, "init", "--quiet")
    return folder


@settings(max_examples=50 * SCALE)
@given(rules=st.lists(patterns, min_size=1, max_size=4), files=st.sets(paths, min_size=1, max_size=8))
def test_rules_have_the_same_meaning_as_in_git(repository: Path, rules: list[str], files: set[str]) -> None:
    for entry in repository.iterdir():
        if entry.is_file():
            entry.unlink()
        elif entry.name != ".git":
            shutil.rmtree(entry)
    for file in sorted(files):
        if not any((repository / above).is_file() for above in Path(file).parents) and not (repository / file).exists():
            make(repository, file)
    (repository / ".gitignore").write_text("\n".join(rules) + "\n", encoding="utf-8")
    there = everything_below(repository)
    # With --no-index, only the rules count. Git prints a path once for each line of input that names it.
    ignored = git(repository, "check-ignore", "--no-index", "--stdin", "-z", given="\0".join(there), codes=(0, 1))
    assert found_in(repository) == set(there) - set(ignored.split("\0"))


@pytest.mark.parametrize("rule", ["!", "\\", "a\\", "[b-a]c"])
def test_a_rule_that_is_not_valid_matches_nothing(tmp_path: Path, rule: str) -> None:
    make(tmp_path, "a", "b", "c", "x.log")
    (tmp_path / ".gitignore").write_text(f"{rule}\n*.log\n", encoding="utf-8")
    assert found_in(tmp_path) == {".gitignore", "a", "b", "c"}


@pytest.mark.parametrize(
    "file",
    [
        ".git/HEAD",
        ".git",
        "src/__pycache__/train.pyc",
        "notes/.ipynb_checkpoints/a.ipynb",
        "web/node_modules/x/index.js",
        ".pytest_cache/x",
        ".mypy_cache/x",
        ".tox/x",
        "outputs/model.pkl",
        "logs/events",
        "azureml-logs/70_driver_log.txt",
        "mlruns/0/meta.yaml",
    ],
)
def test_files_that_are_never_source_are_excluded(tmp_path: Path, file: str) -> None:
    make(tmp_path, file, "train.py")
    assert found_in(tmp_path) == {"train.py"}


@pytest.mark.parametrize("file", ["pkg/outputs/__init__.py", "pkg/logs/reader.py", "outputs", ".azureml/config.json"])
def test_files_with_similar_names_are_included(tmp_path: Path, file: str) -> None:
    make(tmp_path, file)
    assert found_in(tmp_path) == {file}


def test_a_negated_rule_overrides_the_defaults(tmp_path: Path) -> None:
    make(tmp_path, "outputs/model.pkl", "outputs/__pycache__/x.pyc", "logs/a")
    (tmp_path / ".amlignore").write_text("!outputs\n!*\n", encoding="utf-8")
    assert found_in(tmp_path) == {".amlignore", "outputs/model.pkl"}


def test_amlignore_replaces_gitignore_and_only_the_root_has_one(tmp_path: Path) -> None:
    make(tmp_path, "a.log", "b.csv", "below/b.csv")
    (tmp_path / ".gitignore").write_text("*.log\n", encoding="utf-8")
    (tmp_path / "below" / ".gitignore").write_text("*\n", encoding="utf-8")
    assert found_in(tmp_path) == {".gitignore", "b.csv", "below/.gitignore", "below/b.csv"}
    (tmp_path / ".amlignore").write_text("/b.csv\r\n", encoding="utf-8")
    assert found_in(tmp_path) == {".amlignore", ".gitignore", "a.log", "below/.gitignore", "below/b.csv"}


def test_virtual_environments_and_workspaces_are_excluded(tmp_path: Path) -> None:
    make(tmp_path, "env/pyvenv.cfg", "env/lib/x.py", "other/conda-meta/history", "other/lib/y.py", "train.py")
    Workspace.create("inside", path=tmp_path / "data" / "demo")
    assert found_in(tmp_path) == {"train.py"}


def test_a_folder_that_is_a_workspace_itself_still_has_its_source(tmp_path: Path) -> None:
    workspace = Workspace.create("here", path=tmp_path)
    make(tmp_path, "train.py", "lib/model.py", "mlflow.db")
    with Experiment(workspace, "first").start_logging(snapshot_directory=None) as run:
        run.log("loss", 0.5)
        run.upload_file("kept.txt", tmp_path / "train.py")
    assert found_in(tmp_path) == {"train.py", "lib/model.py"}


def test_the_home_folder_is_excluded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIDGE_HOME", str(tmp_path / "home"))
    make(tmp_path, "home/environments/x", "train.py")
    artifacts = Workspace.create("elsewhere", path=tmp_path.parent / "elsewhere").stores.artifacts
    snapshot = take_snapshot(artifacts, tmp_path)
    assert snapshot.id is not None
    restore_snapshot(artifacts, snapshot.id, tmp_path / "back")
    assert everything_below(tmp_path / "back") == ["train.py"]
    make(tmp_path / "home", "train.py", "imports/x", "snapshots/x")
    again = take_snapshot(artifacts, tmp_path / "home")
    assert again.id == snapshot.id
