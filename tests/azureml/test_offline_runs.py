"""A script that runs without being submitted has an offline run in the workspace of its project."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from azureml_project import CONFIG, Project

from bridge import Experiment, Workspace
from bridge.handles.offline import OfflineRun
from bridge.handles.run import Run

SCRIPT = """
    from azureml.core import Run
    from azureml.core.run import _OfflineRun

    run = Run.get_context()
    run.log("loss", 0.5)
    print(type(run) == _OfflineRun, isinstance(run, Run), run.id.startswith("OfflineRun"), len(run.id))
    print(run.id)
"""


def started(project: Project, script: str = SCRIPT, **variables: str) -> tuple[str, str]:
    """Run a script of the project; return the id of its run, and its output on stderr."""
    project.write("train.py", script)
    done = project.start("-m", "bridge_azureml", "train.py", **variables)
    assert done.returncode == 0, done.stderr
    asked, run_id = done.stdout.splitlines()
    assert asked == "True True True 32"
    return run_id, done.stderr


def line_of(run_id: str, folder: Path) -> str:
    look = f"runbridge ui {folder} --page runs/{run_id}"
    return f"Run {run_id} of experiment train is in {folder}: {look}\n"


def test_an_offline_run_is_in_the_workspace_that_the_project_names(project: Project) -> None:
    run_id, said = started(project)
    folder = project.home / CONFIG["workspace_name"]
    assert said == line_of(run_id, folder)
    ws = Workspace.open(folder)
    (run,) = Experiment(ws, "train").get_runs()
    assert (run.id, run.status, run.get_metrics()) == (run_id, "Completed", {"loss": 0.5})
    assert type(run) is Run, "for another process it is a run as any other"
    assert ws.subscription_id == CONFIG["subscription_id"]


def test_an_address_in_the_configuration_file_is_used(project: Project) -> None:
    elsewhere = Workspace.create("elsewhere", path=project.folder.parent / "elsewhere")
    (project.folder / "config.json").unlink()
    elsewhere.write_config(project.folder)
    run_id, said = started(project)
    assert said == line_of(run_id, elsewhere.path)
    assert elsewhere.get_run(run_id).get_metrics() == {"loss": 0.5}


@pytest.mark.parametrize("content", [None, json.dumps({"hidden_size": 768}), "no JSON", "[1]"])
def test_an_offline_run_of_a_project_without_a_workspace_is_in_the_offline_workspace(
    project: Project, content: str | None
) -> None:
    (project.folder / "config.json").unlink()
    if content is not None:  # the configuration of another program
        project.write("config.json", content)
    run_id, said = started(project)
    assert said == line_of(run_id, project.home / "offline")


def test_a_workspace_that_cannot_be_used_is_reported_and_the_run_is_offline(project: Project) -> None:
    project.write(".azureml/config.json", json.dumps({"address": "/nowhere/at/all"}))
    run_id, said = started(project)
    warning, line = said.splitlines(keepends=True)
    assert line == line_of(run_id, project.home / "offline")
    assert "The run is in the offline workspace" in warning and "/nowhere/at/all" in warning


def test_worker_processes_share_the_offline_run_in_any_working_folder(project: Project) -> None:
    script = """
        import multiprocessing, os
        from azureml.core import Run
        from azureml.core.run import _OfflineRun

        def work(number):
            run = Run.get_context()
            run.log("worker", number)
            return run.id, type(run) == _OfflineRun

        if __name__ == "__main__":
            run = Run.get_context()
            os.chdir("/")
            with multiprocessing.get_context("spawn").Pool(2) as pool:
                assert set(pool.map(work, range(4))) == {(run.id, True)}
            print("True True True", len(run.id))
            print(run.id)
    """
    run_id, said = started(project, script)
    assert said == line_of(run_id, project.home / CONFIG["workspace_name"]), "the workers say nothing"


def test_a_forked_child_does_not_print_the_line_again(project: Project) -> None:
    script = SCRIPT + "    import os, sys\n    if os.fork(): os.wait()\n    else: sys.exit(0)\n"
    run_id, said = started(project, script.replace("print(run.id)", "print(run.id, flush=True)"))
    assert said.count("Run OfflineRun_") == 1


def test_an_offline_run_ends_well_without_stderr(project: Project) -> None:
    script = SCRIPT + "    import os\n    os.close(2)\n"
    run_id, said = started(project, script)
    assert said == ""
    ws = Workspace.open(project.home / CONFIG["workspace_name"])
    assert ws.get_run(run_id).status == "Completed"


@pytest.mark.slow  # MLflow makes its own tables
def test_mlflow_reads_and_writes_an_offline_run(project: Project) -> None:
    script = """
        import mlflow
        from azureml.core import Run

        run = Run.get_context()
        mlflow.set_tracking_uri(run.experiment.workspace.get_mlflow_tracking_uri())
        with mlflow.start_run(run_id=run.id):
            mlflow.log_metric("accuracy", 0.9)
            mlflow.log_text("hello", "a.txt")
            with mlflow.start_span("asked"):
                pass
        mlflow.flush_trace_async_logging()
        (trace,) = mlflow.MlflowClient().search_traces(locations=[run.experiment.id], run_id=run.id)
        assert run.get_metrics() == {"accuracy": 0.9} and run.get_file_names() == ["a.txt"]
        print("True True True", len(run.id))
        print(run.id)
    """
    started(project, script)


def test_an_offline_run_can_be_pickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pickle

    run = Experiment(Workspace.create("pickled", path=tmp_path / "ws"), "e").start_logging(snapshot_directory=None)
    run.complete()
    run.__class__ = OfflineRun
    again = pickle.loads(pickle.dumps(run))
    assert (type(again), again.id) == (OfflineRun, run.id)
