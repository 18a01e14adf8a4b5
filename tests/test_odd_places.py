"""Runs work with unusual user names, variables and folders."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from bridge import Experiment, InvalidValue, Run, Workspace

BEGIN = "import os\nfrom bridge import BridgeError, Experiment, Run, ScriptRunConfig, Workspace\n"


def script(code: str, folder: Path, **variables: bytes) -> str:
    """Run a script in a folder, and return what it printed."""
    environment = {**os.environb, **{name.encode(): value for name, value in variables.items()}}
    command = [sys.executable, "-c", BEGIN + code]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", [b"\xff\xfe", b"J\xf6rg"])
def test_a_user_whose_name_is_not_utf_8_can_start_runs(tmp_path: Path, name: bytes) -> None:
    code = """
run = Experiment(Workspace.create("work", path="work"), "odd").start_logging(snapshot_directory=None)
run.log("loss", 1)
run.child_run().complete()
run.create_children(1)[0].complete()
run.complete()
"""
    script(code, tmp_path, USER=name, LOGNAME=name)
    runs = list(Experiment(Workspace.open(tmp_path / "work"), "odd").get_runs(include_children=True))
    shown = os.fsdecode(name).encode(errors="backslashreplace").decode()
    assert [(run.status, run.get_details()["submittedBy"]) for run in runs] == [("Completed", shown)] * 3


def test_a_workspace_can_be_in_a_folder_whose_name_is_not_utf_8(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"\xff ?#%")
    ws = Workspace.create("work", path=folder)
    with Experiment(ws, "odd").start_logging(snapshot_directory=None) as run:
        run.log("loss", 1)
    uri = ws.get_mlflow_tracking_uri()
    assert uri == f"bridge://{quote(str(tmp_path))}/%FF%20%3F%23%25"
    assert Run.get(Workspace.open(uri), run.id).get_metrics() == {"loss": 1}
    # Another process has no store of it yet.
    code = f"print(Run.get(Workspace.open({uri!r}), {run.id!r}).get_metrics())"
    assert script(code, tmp_path) == "{'loss': 1}\n"


@pytest.mark.processes
def test_a_script_runs_with_names_that_are_not_utf_8(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"\xff dir")
    folder.mkdir()
    (folder / "train.py").write_text("import os, sys; print(os.fsencode(sys.argv[1]), os.environb[b'ODD'])")
    code = """
from bridge.launch.runconfig import RunConfiguration
settings = RunConfiguration("train.py", [os.fsdecode(b"\\xfe")])
settings.environment_variables = {"ODD": os.fsdecode(b"\\xfd")}
ws = Workspace.create("work", path=os.fsdecode(b"\\xffwork"))
run = Experiment(ws, "odd").submit(ScriptRunConfig(".", run_config=settings))
print(run.wait_for_completion()["status"], run.id)
run.download_file("user_logs/std_log.txt", "printed.txt")
"""
    status, run_id = script(code, folder, BRIDGE_HOME=os.fsencode(folder / "home")).split()
    assert status == "Completed"
    assert (folder / "printed.txt").read_text() == "b'\\xfe' b'\\xfd'\n"
    assert Run.get(Workspace.open(folder / os.fsdecode(b"\xffwork")), run_id).status == "Completed"


def test_runs_work_in_a_removed_working_folder_and_relative_paths_are_refused(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    code = f"""
import numpy  # which Python 3.13 cannot load from where there is no folder
os.rmdir(os.getcwd())
ws = Workspace.create("work", path={str(tmp_path / "work")!r})
run = Experiment(ws, "odd").start_logging()
run.log("loss", 1)
for call in (
    lambda: Workspace.create("other", path="other"),
    lambda: Workspace.open("other"),
    lambda: Workspace.from_config(),
    lambda: ws.write_config(),
    lambda: run.take_snapshot("."),
    lambda: run.upload_folder("a", "."),
    lambda: run.upload_file("a", "b"),
    lambda: run.download_files(),
    lambda: run.get_all_logs(),
    lambda: run.restore_snapshot("0" * 32, "."),
    lambda: ScriptRunConfig(".", "train.py"),
):
    try:
        call()
    except BridgeError as error:
        assert "the working folder does not exist" in str(error), error
    else:
        raise AssertionError(call)
run.complete()
print(run.status, run.get_metrics())
"""
    assert script(code, tmp_path / "gone") == "Completed {'loss': 1}\n"


def test_a_run_that_cannot_be_ended_does_not_prevent_others_from_ending(tmp_path: Path) -> None:
    code = """
def fail(run_ids, latest=True):
    if list(run_ids) == [runs[1].id]:
        raise RuntimeError("no record")
    return get_runs(run_ids, latest)

experiment = Experiment(Workspace.create("work", path="work"), "odd")
tracking = experiment.workspace.stores.tracking
get_runs, tracking.get_runs = tracking.get_runs, fail
runs = [experiment.start_logging(outputs=False, snapshot_directory=None) for _ in range(3)]
print(*(run.id for run in runs))
"""
    ids = script(code, tmp_path).split()
    ws = Workspace.open(tmp_path / "work")
    assert [Run.get(ws, run_id).status for run_id in ids] == ["Completed", "Failed", "Completed"]


def test_an_experiment_is_deleted_by_its_id_as_text(tmp_path: Path) -> None:
    experiment = Experiment(Workspace.create("work", path=tmp_path / "work"), "odd")
    with pytest.raises(InvalidValue, match="experiment_id 1: must be text"):
        Experiment.delete(experiment.workspace, 1)  # type: ignore[arg-type]  # on purpose
    Experiment.delete(experiment.workspace, experiment.id)
    assert Experiment.list(experiment.workspace, "odd") == []
