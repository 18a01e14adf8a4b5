"""A run stores the Git state of its source, but no credentials."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from functools import partial
from pathlib import Path

import pytest
from interrupting import each_interrupt

from bridge import AlreadyExists, Experiment, ScriptRunConfig, Workspace
from bridge.source import git as module
from bridge.source.git import git_facts, without_credentials

VARIABLES = ("GIT_DIR", "GIT_WORK_TREE", *(f"AZUREML_GIT_{fact.upper()}" for fact in module.PROPERTIES))


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)


def git(folder: Path, *words: str, given: bytes = b"") -> str:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    done = subprocess.run(
        ["git", *identity, *words], cwd=folder, input=given, capture_output=True, check=True, timeout=60
    )
    return done.stdout.decode().strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "train.py").write_text("print('one')\n", encoding="utf-8")
    (folder / "old.py").write_text("old\n", encoding="utf-8")
    git(folder, "init", "--quiet", "--initial-branch", "trunk")
    git(folder, "remote", "add", "origin", "https://ada:s3cr3t@example.org/team/project.git")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "first")
    return folder


def test_a_clean_repository(repository: Path) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    facts = git_facts(repository / "src")
    assert facts.properties == {
        "azureml.git.repository_uri": "https://example.org/team/project.git",
        "mlflow.source.git.repoURL": "https://example.org/team/project.git",
        "azureml.git.branch": "trunk",
        "mlflow.source.git.branch": "trunk",
        "azureml.git.commit": commit,
        "mlflow.source.git.commit": commit,
        "azureml.git.dirty": "False",
    }
    assert facts.diff == b""


def test_the_diff_of_a_dirty_repository_recreates_its_state_from_a_clean_one(repository: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", str(repository), "clean")
    (repository / "src" / "train.py").write_text("print('two')\n", encoding="utf-8")
    (repository / "old.py").unlink()
    (repository / "staged.py").write_text("staged\n", encoding="utf-8")
    git(repository, "add", "staged.py")
    (repository / "new file.py").write_text("new\n", encoding="utf-8")
    git(repository, "config", "diff.noprefix", "true")
    facts = git_facts(repository)
    assert facts.properties["azureml.git.dirty"] == "True"
    assert facts.diff.startswith(b"# not tracked by git: new file.py\n")
    git(tmp_path / "clean", "apply", given=facts.diff)
    for name in ("src/train.py", "staged.py"):
        assert (tmp_path / "clean" / name).read_bytes() == (repository / name).read_bytes()
    assert not (tmp_path / "clean" / "old.py").exists()


def test_an_untracked_file_makes_a_repository_dirty(repository: Path) -> None:
    (repository / "new.py").write_text("new\n", encoding="utf-8")
    facts = git_facts(repository)
    assert (facts.properties["azureml.git.dirty"], facts.diff) == ("True", b"# not tracked by git: new.py\n")


def test_files_that_runs_write_do_not_make_a_repository_dirty(repository: Path) -> None:
    for file in ("outputs/model.pkl", "logs/log.txt", "src/__pycache__/train.pyc", "demo/workspace.db"):
        (repository / file).parent.mkdir(exist_ok=True)
        (repository / file).write_text("x", encoding="utf-8")
    assert git_facts(repository).properties["azureml.git.dirty"] == "False"


def test_a_started_run_has_the_git_state_as_properties_and_the_diff_as_a_file(
    workspace: Workspace, repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (repository / "old.py").write_text("changed\n", encoding="utf-8")
    monkeypatch.chdir(repository)
    with Experiment(workspace, "git").start_logging() as run:
        run.log("loss", 0.5)
    properties = run.get_properties()
    facts = git_facts(repository)
    assert {key: properties[key] for key in facts.properties} == facts.properties
    assert properties["azureml.git.dirty"] == "True" and "ContentSnapshotId" in properties
    run.download_file(module.DIFF_PATH, tmp_path / "diff")
    assert (tmp_path / "diff").read_bytes() == facts.diff and b"+changed" in facts.diff


def test_starting_a_run_with_a_taken_id_changes_no_file_of_the_existing_run(
    workspace: Workspace, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / "old.py").write_text("first\n", encoding="utf-8")
    monkeypatch.chdir(repository)
    experiment = Experiment(workspace, "git")
    with experiment.start_logging(run_id="r1") as run:
        kept = b"".join(workspace.stores.artifacts.get(run.place.root(), module.DIFF_PATH))
    (repository / "old.py").write_text("second\n", encoding="utf-8")
    with pytest.raises(AlreadyExists):
        experiment.start_logging(run_id="r1")
    with pytest.raises(AlreadyExists):
        experiment.submit(ScriptRunConfig(repository, script="old.py"), run_id="r1")
    assert b"".join(workspace.stores.artifacts.get(run.place.root(), module.DIFF_PATH)) == kept


def test_a_long_diff_is_truncated(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_DIFF_BYTES", 1_000)
    (repository / "old.py").write_text("long\n" * 1_000_000, encoding="utf-8")
    diff = git_facts(repository).diff
    assert len(diff) < 1_100 and diff.endswith(b"\n# cut off here after 1,000 bytes\n")


def test_a_detached_head_has_no_branch_and_a_new_repository_no_commit(repository: Path, tmp_path: Path) -> None:
    git(repository, "checkout", "--quiet", "--detach")
    properties = git_facts(repository).properties
    assert "azureml.git.branch" not in properties and "azureml.git.commit" in properties
    (tmp_path / "new").mkdir()
    git(tmp_path / "new", "init", "--quiet", "--initial-branch", "trunk")
    (tmp_path / "new" / "a.py").write_text("x", encoding="utf-8")
    facts = git_facts(tmp_path / "new")
    assert facts.properties["azureml.git.branch"] == "trunk" and "azureml.git.commit" not in facts.properties
    assert facts.diff == b"# not tracked by git: a.py\n"


def test_outside_of_a_repository_git_is_not_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = tmp_path / "started"
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch '{started}'\nexit 1\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    (tmp_path / "src").mkdir()
    assert git_facts(tmp_path / "src") == ({}, b"")
    assert not started.exists()
    (tmp_path / "src" / ".git").mkdir()
    assert git_facts(tmp_path / "src") == ({}, b"")
    assert started.exists()


def test_without_git_no_properties_are_set(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_facts(repository) == ({}, b"")


def test_a_repository_of_another_user_gives_no_properties(repository: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    for path in (repository, *repository.rglob("*")):
        os.chown(path, 12345, 12345)
    assert git_facts(repository) == ({}, b"")


@pytest.mark.slow
def test_a_git_that_hangs_is_not_waited_for(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = subprocess.run(["which", "git"], capture_output=True, text=True, check=True).stdout.strip()
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    # Its child holds the pipe open, as Git's file system monitor does.
    program.write_text(f'#!/bin/sh\ncase "$*" in *status*) sleep 30;; *) exec {real} "$@";; esac\n', encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    monkeypatch.setattr(module, "TIMEOUT_SECONDS", 2.0)
    begun = time.monotonic()
    properties = git_facts(repository).properties
    assert time.monotonic() - begun < 20
    assert properties["azureml.git.branch"] == "trunk" and "azureml.git.dirty" not in properties


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the program that was started is not waited for
def test_an_exception_of_a_signal_handler_leaves_no_timer_that_would_kill_another_process(repository: Path) -> None:
    places = 0
    for where, _ in each_interrupt(("/source/git.py",), partial(module._git, repository, "status")):
        timers = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
        assert all(timer.finished.is_set() for timer in timers), where
        places += 1
    assert places > 4


def test_a_hook_of_another_repository_does_not_change_the_facts(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = git_facts(repository)
    assert facts.properties["azureml.git.dirty"] == "False"
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"):  # a hook gets these from git
        monkeypatch.setenv(name, str(tmp_path / "other"))
    assert git_facts(repository) == facts


def test_environment_variables_override_git(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZUREML_GIT_BRANCH", "release")
    monkeypatch.setenv("AZUREML_GIT_BUILD_ID", "77")
    monkeypatch.setenv("AZUREML_GIT_REPOSITORY_URI", "https://token@example.org/x")
    properties = git_facts(repository).properties
    assert properties["azureml.git.branch"] == properties["mlflow.source.git.branch"] == "release"
    assert properties["azureml.git.build_id"] == "77"
    assert properties["azureml.git.repository_uri"] == "https://example.org/x"
    assert set(git_facts(tmp_path).properties) == {
        "azureml.git.branch",
        "mlflow.source.git.branch",
        "azureml.git.build_id",
        "azureml.git.repository_uri",
        "mlflow.source.git.repoURL",
    }


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:pass@example.org:8443/a/b.git", "https://example.org:8443/a/b.git"),
        ("https://ghp_token@github.com/a/b", "https://github.com/a/b"),
        ("https://user:p@ss@example.org/a?private_token=x#y", "https://example.org/a"),
        ("ssh://git:secret@example.org/a", "ssh://git@example.org/a"),
        ("ssh://example.org/a", "ssh://example.org/a"),
        ("git@github.com:a/b.git", "git@github.com:a/b.git"),
        ("/srv/git/a.git", "/srv/git/a.git"),
        ("https://user:pass@[broken/a", ""),
    ],
)
def test_credentials_are_removed(url: str, shown: str) -> None:
    assert without_credentials(url) == shown
