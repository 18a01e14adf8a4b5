"""An MLflow project runs as a submitted run: `mlflow run --backend bridge`."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import ExecutionException
from mlflow.projects import SubmittedRun
from mlflow.projects.backend import loader
from mlflow.tracking.default_experiment.registry import get_experiment_id

from bridge import Experiment, Workspace
from bridge_mlflow.default_experiment import BridgeDefaultExperiment
from bridge_mlflow.project_backend import BridgeProjectBackend

pytestmark = pytest.mark.slow  # each script imports MLflow

FILES = {
    "MLproject": """
        name: tutorial
        conda_env: conda.yaml
        entry_points:
          main:
            parameters:
              alpha: {type: float, default: 0.5}
              l1_ratio: {type: float, default: 0.1}
              note: {type: string, default: "a b"}
            command: "python train.py {alpha} {l1_ratio} {note}"
          broken:
            command: "echo going && [[ 1 == 1 ]] && exit 3"
          endless:
            command: "echo begun; sleep 100"
        """,
    "conda.yaml": """
        dependencies:
          - python=3.11
          - scikit-learn=1.4
          - pip: [mlflow]
        """,
    "train.py": """
        import sys
        import mlflow
        with mlflow.start_run():
            mlflow.log_param("alpha", sys.argv[1])
            mlflow.log_metric("rmse", float(sys.argv[1]) * 2)
        print("trained with", sys.argv[1:])
        """,
}
OURS = {"mlflow.project.backend", "mlflow.runName", "ContentSnapshotId", "bridge.environment"}
"""Tags with different values: the backend, a generated name, and whether source and environment are stored."""


def write(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(textwrap.dedent(text))
    return folder


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # MLflow's own backend runs whichever `python` comes first.
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"])
    return write(tmp_path / "project", FILES)


@pytest.fixture
def ws(fluent: str) -> Workspace:
    return Workspace.open(fluent)


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[MlflowClient]:
    """MLflow's own store, set as MLflow's tracking URI."""
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/theirs.db")
    yield MlflowClient()
    mlflow.set_tracking_uri(before)


def test_a_project_creates_the_same_run_as_mlflows_own_backend(
    ws: Workspace, project: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The call is that of the notebook train-projects-local."""
    given = {"uri": str(project), "parameters": {"alpha": 0.3, "extra": "x y"}, "env_manager": "local"}
    options = {"COMPUTE": "cpu-cluster", "USE_CONDA": False, "STREAM_OUTPUT": True}
    submitted = mlflow.projects.run(**given, backend="azureml", backend_config=options, experiment_name="a / b")
    assert "trained with ['0.3', '0.1', 'a b', '--extra', 'x y']\n" in capfd.readouterr().out
    assert isinstance(submitted, SubmittedRun)
    assert (submitted.wait(), submitted.get_status()) == (True, "FINISHED")
    ours = MlflowClient().get_run(submitted.run_id)

    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/theirs.db")
    theirs = MlflowClient().get_run(mlflow.projects.run(**given, experiment_name="a / b").run_id)
    assert ours.data.params == theirs.data.params
    assert list(ours.data.params) == ["alpha", "l1_ratio", "note", "extra"]
    assert {key: value for key, value in ours.data.tags.items() if key not in OURS} == {
        key: value for key, value in theirs.data.tags.items() if key not in OURS
    }
    assert ours.data.tags["mlflow.project.backend"] == "azureml"
    assert ours.data.metrics["rmse"] == theirs.data.metrics["rmse"] == 0.6
    assert (ours.info.status, ours.info.user_id) == (theirs.info.status, theirs.info.user_id)

    run = ws.get_run(submitted.run_id)
    assert (run.type, run.experiment.name, run.status) == ("azureml.scriptrun", "a / b", "Completed")
    assert run.warnings == ("The script ran on this computer, because Runbridge has no compute target 'cpu-cluster'.",)
    assert run.get_details()["runDefinition"]["environment"]["python"]["userManagedDependencies"] is True


def test_a_project_of_a_git_repository_has_its_commit_and_its_url(ws: Workspace, project: Path, tmp_path: Path) -> None:
    git = ["git", "-C", str(project), "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *command], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    with mlflow.start_run(run_name="above") as above:
        submitted = mlflow.projects.run(
            f"file://{project}", "endless", version="main", backend="bridge", backend_config={"USE_CONDA": "false"},
            synchronous=False, run_name="named",
        )  # fmt: skip
    submitted.cancel()
    found = MlflowClient().get_run(submitted.run_id)
    assert found.info.run_name == "named"
    assert found.data.tags["mlflow.parentRunId"] == above.info.run_id
    assert found.data.tags["mlflow.source.git.commit"] == commit
    assert found.data.tags["mlflow.source.git.branch"] == "main"
    assert found.data.tags["mlflow.project.entryPoint"] == "endless"


def test_a_failing_project_raises_mlflows_error_and_its_run_has_the_reason(
    ws: Workspace, project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    options = {"STREAM_OUTPUT": "false"}
    with pytest.raises(ExecutionException, match=r"^Run \(ID '\w+'\) failed$"):
        mlflow.projects.run(str(project), "broken", backend="bridge", backend_config=options, env_manager="local")
    assert capfd.readouterr().out == ""
    (run,) = mlflow.search_runs(output_format="list")
    assert run.info.status == "FAILED"
    details = ws.get_run(run.info.run_id).get_details_with_logs()
    assert details["error"]["error"]["exitCode"] == 3
    assert details["logFiles"]["user_logs/std_log.txt"] == "going\n"


def test_a_project_without_a_wait_runs_until_it_is_canceled(ws: Workspace, project: Path) -> None:
    submitted = mlflow.projects.run(str(project), "endless", backend="bridge", env_manager="local", synchronous=False)
    assert submitted.get_status() in ("SCHEDULED", "RUNNING")
    submitted.cancel()
    assert submitted.get_status() == "KILLED"
    submitted.cancel()
    assert (submitted.wait(), submitted.get_status()) == (False, "KILLED")


@pytest.mark.parametrize("streams", [True, False])
def test_ctrl_c_during_the_wait_cancels_the_run(ws: Workspace, project: Path, streams: bool) -> None:
    code = (
        "import signal, sys, mlflow\n"
        "from bridge_mlflow.project_backend import BridgeSubmittedRun\n"
        "wait = BridgeSubmittedRun.wait\n"
        "BridgeSubmittedRun.wait = lambda self: (print('waits', file=sys.stderr, flush=True), wait(self))[1]\n"
        "mlflow.MlflowClient().search_experiments()\n"  # so that nothing is imported when the signal arrives
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background job ignores it
        f"mlflow.projects.run({str(project)!r}, 'endless', backend='bridge', env_manager='local',"
        f" backend_config={{'STREAM_OUTPUT': {streams}}})\n"
    )
    waiting = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "MLFLOW_TRACKING_URI": ws.get_mlflow_tracking_uri()},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert waiting.stderr is not None
    try:
        while waiting.stderr.readline() != "waits\n":
            assert waiting.poll() is None
        while [run.info.status for run in MlflowClient().search_runs(["0"])] != ["RUNNING"]:
            time.sleep(0.05)
        waiting.send_signal(signal.SIGINT)
        _, said = waiting.communicate(timeout=60)
    finally:
        waiting.kill()
    assert said.rstrip().endswith("KeyboardInterrupt")
    (run,) = MlflowClient().search_runs(["0"])
    assert f"=== Run (ID '{run.info.run_id}') interrupted, cancelling run ===" in said
    assert ws.get_run(run.info.run_id).status == "Canceled"


@pytest.mark.parametrize(
    "options, manager, said",
    [
        ({"COMPUTE": 5}, "local", "compute_target 5: must be the name of a compute target"),
        ({"USE_CONDA": "perhaps"}, None, "USE_CONDA 'perhaps': must be true or false"),
        ({"USE_CONDA": "True"}, "local", "USE_CONDA True: contradicts the environment manager 'local'"),
        ({"USE_CONDA": False}, "conda", "USE_CONDA False: contradicts the environment manager 'conda'"),
        ({"STREAM_OUTPUT": 2}, "local", "STREAM_OUTPUT 2: must be true or false"),
    ],
)
def test_an_option_that_does_not_apply_is_refused_and_no_run_is_created(
    ws: Workspace, project: Path, options: dict[str, object], manager: str | None, said: str
) -> None:
    with pytest.raises(ExecutionException) as caught:
        mlflow.projects.run(str(project), backend="bridge", backend_config=options, env_manager=manager)
    assert said in str(caught.value)
    assert MlflowClient().search_runs(["0"]) == []


def test_a_project_that_needs_a_container_or_declares_no_environment_is_refused(ws: Workspace, tmp_path: Path) -> None:
    docker = write(
        tmp_path / "docker", {"MLproject": "docker_env: {image: python}\nentry_points: {main: {command: a}}"}
    )
    with pytest.raises(ExecutionException, match="docker_env 'python': this backend runs no containers"):
        mlflow.projects.run(str(docker), backend="bridge", env_manager="local")
    plain = write(tmp_path / "plain", {"a.py": ""})
    for given in ({"env_manager": "virtualenv"}, {"backend_config": {"USE_CONDA": 1}}):
        with pytest.raises(ExecutionException, match="the project declares no environment to build"):
            mlflow.projects.run(str(plain), "a.py", backend="bridge", **given)


def test_a_broken_environment_or_a_deleted_experiment_is_refused_in_one_sentence(ws: Workspace, tmp_path: Path) -> None:
    folder = write(tmp_path / "project", {"python_env.yaml": "pythons: 3\n", "a.py": ""})
    with pytest.raises(ExecutionException, match="must be YAML with the keys python, build_dependencies"):
        mlflow.projects.run(str(folder), "a.py", backend="bridge")
    Experiment(ws, "gone").archive()
    for experiment_id, said in (("1", "experiment 'gone' is archived"), ("7", "There is no experiment '7'")):
        with pytest.raises(ExecutionException, match=said):
            mlflow.projects.run(str(folder), "a.py", backend="bridge", env_manager="local", experiment_id=experiment_id)
    assert MlflowClient().search_runs(["0", "1"], run_view_type=3) == []


def test_a_uri_that_is_not_a_workspaces_is_refused_in_one_sentence(sqlite: MlflowClient, project: Path) -> None:
    with pytest.raises(ExecutionException, match="must be the URI of a workspace, bridge:///…"):
        mlflow.projects.run(str(project), backend="bridge", env_manager="local")
    assert sqlite.search_runs(["0"]) == []


@pytest.mark.parametrize("manager", [None, "conda", "virtualenv"])
def test_the_environment_that_a_project_declares_is_built(ws: Workspace, project: Path, manager: str | None) -> None:
    submitted = mlflow.projects.run(str(project), backend="bridge", env_manager=manager, synchronous=False)
    submitted.cancel()
    python = ws.get_run(submitted.run_id).get_details()["runDefinition"]["environment"]["python"]
    assert python["userManagedDependencies"] is False
    assert python["condaDependencies"]["dependencies"] == ["python=3.11", "scikit-learn=1.4", {"pip": ["mlflow"]}]
    assert MlflowClient().get_run(submitted.run_id).data.tags["mlflow.project.env"] == (manager or "conda")


def test_a_python_env_with_a_requirements_file_is_built(ws: Workspace, tmp_path: Path) -> None:
    files = {
        "python_env.yaml": 'python: "3.11"\nbuild_dependencies: [pip]\ndependencies: [numpy, -r wanted.txt]\n',
        "wanted.txt": "--extra-index-url https://a.example.com\n--extra-index-url https://b.example.com\n"
        "pandas>=2; sys_platform == 'linux'\npandas; sys_platform != 'linux'\n",
        "a.py": "",
    }
    folder = write(tmp_path / "project", files)
    submitted = mlflow.projects.run(str(folder), "a.py", backend="bridge", synchronous=False)
    submitted.cancel()
    python = ws.get_run(submitted.run_id).get_details()["runDefinition"]["environment"]["python"]
    lines = ["numpy", *files["wanted.txt"].splitlines()]
    assert python["condaDependencies"]["dependencies"] == ["python=3.11", {"pip": lines}]


def test_a_project_runs_in_the_environment_that_was_built_for_it(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIDGE_HOME", str(tmp_path / "home"))
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    files = {"python_env.yaml": f'python: "{version}"\n', "a.py": "import sys; print('in', sys.prefix)\n"}
    folder = write(tmp_path / "project", files)
    options = {"USE_CONDA": "True", "STREAM_OUTPUT": False}
    submitted = mlflow.projects.run(str(folder), "a.py", backend="azureml", backend_config=options)
    printed = ws.get_run(submitted.run_id).get_details_with_logs()["logFiles"]["user_logs/std_log.txt"]
    assert printed.startswith(f"in {tmp_path}/home/environments/")


def test_mlflow_run_submits_a_run_and_prints_its_id(ws: Workspace, project: Path) -> None:
    command = [sys.executable, "-m", "mlflow", "run", ".", "-P", "alpha=0.25", "--env-manager", "local"]
    command += ["-b", "bridge", "--experiment-name", "cli", "-c", json.dumps({"USE_CONDA": False})]
    environment = {**os.environ, "MLFLOW_TRACKING_URI": ws.get_mlflow_tracking_uri()}
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (run,) = Experiment(ws, "cli").get_runs()
    assert f"=== Run (ID '{run.id}') is submitted to experiment 'cli' ===" in done.stderr
    run.wait_for_completion()
    assert run.get_metrics("rmse") == {"rmse": 0.5}

    environment["MLFLOW_TRACKING_URI"] = f"sqlite:///{project}/theirs.db"
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "must be the URI of a workspace" in done.stderr.splitlines()[-1]


def test_the_azureml_backend_is_azures_own_if_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(loader.load_backend("bridge"), BridgeProjectBackend)
    assert isinstance(loader.load_backend("azureml"), BridgeProjectBackend)
    facts = write(tmp_path / "azureml_mlflow-1.0.dist-info", {"METADATA": "Name: azureml-mlflow\nVersion: 1.0\n"})
    (facts / "entry_points.txt").write_text("[mlflow.project_backend]\nazureml = azures_backend:Backend\n")
    (tmp_path / "azures_backend.py").write_text("class Backend: pass\n")
    for place in (0, len(sys.path)):  # in either order of the two entry points
        monkeypatch.setattr(sys, "path", [*sys.path[:place], str(tmp_path), *sys.path[place:]])
        assert type(loader.load_backend("azureml")).__name__ == "Backend"
        monkeypatch.undo()


def test_under_a_native_run_mlflow_writes_to_its_experiment(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Experiment(ws, "native").start_logging(outputs=False, snapshot_directory=None)
    code = "import mlflow\nwith mlflow.start_run() as made: print(made.info.run_id, made.info.experiment_id)\n"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_EXPERIMENT")}
    environment |= {
        "BRIDGE_RUN_ID": run.id,
        "BRIDGE_WORKSPACE": str(ws.path),
        "MLFLOW_TRACKING_URI": mlflow.get_tracking_uri(),
    }
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    made, experiment_id = done.stdout.split()
    assert experiment_id == run.experiment.id
    assert [child.id for child in run.get_children()] == [made]
    run.complete()


def test_the_default_experiment_is_used_only_under_a_native_run_of_that_workspace(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = BridgeDefaultExperiment()
    assert not provider.in_context()
    run = Experiment(ws, "native").start_logging(outputs=False, snapshot_directory=None)
    monkeypatch.setenv("BRIDGE_RUN_ID", run.id)
    monkeypatch.setenv("BRIDGE_WORKSPACE", str(ws.path))
    assert provider.in_context() and provider.get_experiment_id() == run.experiment.id
    mlflow.set_tracking_uri(Workspace.create("other", path=tmp_path / "other").get_mlflow_tracking_uri())
    assert not provider.in_context()
    run.complete()


def test_mlflow_continues_if_the_native_run_of_a_process_no_longer_exists(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("BRIDGE_RUN_ID", "gone")
    monkeypatch.setenv("BRIDGE_WORKSPACE", str(ws.path))
    monkeypatch.setattr(logging.getLogger("mlflow"), "propagate", True)
    assert get_experiment_id() == "0"
    assert "Encountered unexpected error while getting experiment_id: There is no run 'gone'" in caplog.text
