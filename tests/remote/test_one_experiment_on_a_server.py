"""A token for one experiment can do everything within this experiment, and sees nothing of the others."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from served_workspaces import served
from submitting import log_of

from bridge import Experiment, NotAllowed, NotFound, Run, Workspace
from bridge.launch.script import ScriptRunConfig
from bridge.store.token import VARIABLE

pytestmark = [pytest.mark.slow, pytest.mark.processes]


class Site(NamedTuple):
    """A workspace in its folder with two experiments, its address on a server, and a token for one of them."""

    local: Workspace
    address: str
    token: str
    theirs: Run


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    home = {"BRIDGE_HOME": str(folder / "home")}
    (folder / "source").mkdir()
    with Workspace.create("demo", path=folder / "demo") as local:
        for name in ("ours", "theirs"):
            (folder / "source" / "secret.py").write_text(f"# of {name}\n", encoding="utf-8")
            run = Experiment(local, name).start_logging(snapshot_directory=folder / "source", outputs=False)
            run.log("secret", 42)
            run.upload_file("secret.txt", io.BytesIO(b"secret"))
            run.complete()
        ours = local.experiments["ours"].id
        words = ["token", "create", "ann", "--role", "writer", "--on", "demo", "--experiment", ours]
        done = subprocess.run(
            [sys.executable, "-m", "bridge", *words], env={**os.environ, **home}, capture_output=True, text=True
        )
        token = re.search(r"rb_\w+", done.stdout)
        assert token is not None, done.stdout + done.stderr
        with served({"demo": local.path}, folder / "log", "--mlflow", "off", environment=home, tokens=True) as server:
            yield Site(local, server.at("demo"), token[0], run)


@pytest.fixture
def remote(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.setenv(VARIABLE, site.token)
    with Workspace.open(site.address) as workspace:
        yield workspace


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "model.py").write_text("LAYERS = 3\n", encoding="utf-8")
    return folder


def test_an_interactive_run_logs_everything(remote, site, source, tmp_path, caplog):
    with Experiment(remote, "ours").start_logging(snapshot_directory=source, display_name="first") as run:
        run.log("loss", 0.5)
        run.log_table("table", {"x": [1, 2]})
        run.log_image("image", io.BytesIO(b"\x89PNG\r\n\x1a\n" + b"0" * 20).getvalue())
        run.tag("team", "vision")
        run.upload_file("notes.txt", io.BytesIO(b"notes"))
        os.makedirs("outputs", exist_ok=True)
        Path("outputs/result.txt").write_text("42", encoding="utf-8")
        print("printed by the run")
        child = run.child_run("fold")
        child.log("loss", 0.25)
        child.complete()
    for workspace in (remote, site.local):
        seen = workspace.get_run(run.id)
        assert (seen.status, seen.get_metrics()["loss"]) == ("Completed", 0.5)
        assert {"notes.txt", "outputs/result.txt", "logs/user_log.txt"} <= set(seen.get_file_names())
        assert [one.id for one in seen.get_children()] == [child.id]
        target = tmp_path / workspace.stores.kind_of_address
        restored = Path(seen.restore_snapshot(path=str(target)))
        assert restored.exists()
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")], caplog.text


def test_a_script_is_submitted_and_runs(remote, site, source):
    code = """
        from bridge import Run
        run = Run.get_context()
        run.log("loss", 0.125)
        print("printed by the script")
        child = run.child_run("inner")
        child.complete()
    """
    (source / "train.py").write_text(textwrap.dedent(code), encoding="utf-8")
    run = Experiment(remote, "ours").submit(ScriptRunConfig(source, script="train.py"))
    run.wait_for_completion(raise_on_error=False)
    assert run.status == "Completed", log_of(run)
    assert "printed by the script" in log_of(run)
    seen = site.local.get_run(run.id)
    assert (seen.get_metrics()["loss"], seen.warnings) == (0.125, ())
    assert [child.display_name for child in seen.get_children()] == ["inner"]


def test_runs_are_listed_searched_changed_and_deleted(remote, site):
    experiment = Experiment(remote, "ours")
    run = experiment.start_logging(outputs=False, snapshot_directory=None)
    run.complete()
    assert run.id in [one.id for one in Run.list(experiment)] and run.id in [one.id for one in experiment.get_runs()]
    assert list(remote.experiments) == ["ours"]
    run.display_name = "renamed"
    assert site.local.get_run(run.id).display_name == "renamed"


def test_other_experiments_cannot_be_seen_or_changed(remote, site):
    with pytest.raises(NotAllowed, match="only for experiment"):
        remote.get_run(site.theirs.id)
    with pytest.raises((NotAllowed, NotFound)):
        Experiment(remote, "theirs").start_logging(outputs=False, snapshot_directory=None)
    files = remote.stores.artifacts
    for record in site.local.stores.artifacts.list("snapshots", recursive=True):
        content = b"".join(site.local.stores.artifacts.get("snapshots", record.path))
        if b"# of theirs" in content or site.theirs.get_snapshot_id() in record.path:
            assert files.stat("snapshots", record.path) is None
            with pytest.raises(NotFound):
                files.get("snapshots", record.path)
    (own,) = (run for run in site.local.experiments["ours"].get_runs() if "secret" in run.get_metrics())
    assert files.stat("snapshots", f"trees/{own.get_snapshot_id()}.json") is not None
