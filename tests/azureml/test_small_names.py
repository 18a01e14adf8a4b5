"""Small features of the Azure ML SDK that many scripts use: each works."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bridge import (
    Environment,
    Experiment,
    InvalidValue,
    NotAuthenticated,
    NotFound,
    ScriptRunConfig,
    SubmitFailed,
    Workspace,
)
from bridge.launch.distributed import MpiConfiguration, PyTorchConfiguration, TensorflowConfiguration
from bridge.records.run import TERMINAL_STATUSES
from bridge_azureml.statuses import RunStatus
from bridge_mlflow.models import Model


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    return Workspace.create("small", path=tmp_path / "ws", subscription_id="s", resource_group="g")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "src"
    folder.mkdir()
    return folder


def test_small_names_are_where_scripts_import_them(script: Callable[[str], list[str]]) -> None:
    text = """
        from azureml._restclient.constants import RunStatus
        from azureml.core.authentication import AuthenticationException
        from azureml.core.compute import AmlCompute, ComputeTargetException
        from azureml.core.run import Run, _OfflineRun
        from azureml.core.runconfig import (
            DEFAULT_CPU_IMAGE, DEFAULT_GPU_IMAGE, CondaDependencies, DockerConfiguration, MpiConfiguration,
            PyTorchConfiguration, RunConfiguration, TensorflowConfiguration,
        )
        from azureml.telemetry import INSTRUMENTATION_KEY, set_diagnostics_collection
        import bridge

        print(DEFAULT_CPU_IMAGE == DEFAULT_GPU_IMAGE, CondaDependencies is bridge.CondaDependencies)
        print(issubclass(_OfflineRun, Run), INSTRUMENTATION_KEY == "", RunStatus.COMPLETED)
        print(AuthenticationException is bridge.NotAuthenticated, ComputeTargetException is bridge.NotFound)
    """
    assert script(text) == ["True True", "True True Completed", "True True"]
    assert NotAuthenticated.__name__ == "NotAuthenticated"


def test_statuses_have_their_names() -> None:
    assert RunStatus.get_terminal_statuses() == ["Completed", "Failed", "Canceled"]
    assert set(RunStatus.get_terminal_statuses()) == TERMINAL_STATUSES
    assert "Running" in RunStatus.get_running_statuses() and "Finalizing" not in RunStatus.get_running_statuses()
    assert RunStatus.get_post_processing_statuses() == ["CancelRequested", "Finalizing"]


def test_a_workspace_has_the_names_that_a_service_knows_it_by(ws: Workspace) -> None:
    context = ws.service_context
    names = (context.subscription_id, context.resource_group_name, context.workspace_name, context.workspace_id)
    assert names == ("s", "g", "small", ws.id)
    Workspace.setup()


def test_frameworks_have_their_names() -> None:
    names = [Model.Framework.SCIKITLEARN, Model.Framework.TENSORFLOW, Model.Framework.ONNX, Model.Framework.CUSTOM]
    assert names == ["ScikitLearn", "TensorFlow", "Onnx", "Custom"]


# Secrets


def test_a_secret_is_an_environment_variable(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "one")
    monkeypatch.setenv("token", "two")
    with Experiment(ws, "secrets").start_logging(snapshot_directory=None, outputs=False) as run:
        assert (run.get_secret("db-password"), run.get_secret(name="token")) == ("one", "two")
        assert run.get_secrets(["db-password", "none"]) == {"db-password": "one", "none": None}
        with pytest.raises(NotFound, match="no secret 'api-key': set the environment variable API_KEY"):
            run.get_secret("api-key")


# Environments


def test_a_run_has_the_environment_that_its_script_ran_with(ws: Workspace, source: Path) -> None:
    (source / "train.py").write_text("print(1)")
    environment = Environment("mine")
    environment.python.user_managed_dependencies = True
    environment.environment_variables["SIZE"] = "3"
    run = Experiment(ws, "environments").submit(ScriptRunConfig(source, script="train.py", environment=environment))
    run.wait_for_completion()
    found = run.get_environment()
    assert (found.name, found.environment_variables) == ("mine", {"SIZE": "3"})
    with Experiment(ws, "interactive").start_logging(snapshot_directory=None, outputs=False) as interactive:
        with pytest.raises(NotFound, match="only the run of a submitted script"):
            interactive.get_environment()


def test_an_environment_of_a_dockerfile(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python:3.11\nRUN true\n")
    (tmp_path / "requirements.txt").write_text("tqdm\n")
    environment = Environment.from_dockerfile(
        "mine", tmp_path / "Dockerfile", pip_requirements=tmp_path / "requirements.txt"
    )
    assert environment.docker.enabled and environment.docker.base_image is None
    assert environment.docker.base_dockerfile == str(tmp_path / "Dockerfile")
    assert not environment.python.user_managed_dependencies
    bare = Environment.from_dockerfile("bare", "FROM python:3.11\n")
    assert bare.python.user_managed_dependencies


def test_an_environment_without_packages_is_built_immediately(
    ws: Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = Environment("mine")
    environment.python.user_managed_dependencies = True
    build = environment.build(workspace=ws)
    build.wait_for_completion(show_output=True)
    assert (build.status, capsys.readouterr().out) == ("Succeeded", "")
    environment.python.interpreter_path = "/nowhere/python"
    with pytest.raises(SubmitFailed, match="/nowhere/python"):
        environment.build_local(ws)


def test_an_environment_is_built_without_docker_if_that_is_switched_off(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment = Environment.from_docker_image("mine", "python:3.11")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SubmitFailed, match="set BRIDGE_DOCKER=0"):
        environment.build(ws)
    monkeypatch.setenv("BRIDGE_DOCKER", "0")
    assert environment.build(ws).status == "Succeeded"


def test_the_output_of_a_build_that_fails_is_logged(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    docker = tmp_path / "docker"
    docker.write_text(
        "#!/bin/sh\n[ $1 = version ] && exit\nwhile read line; do :; done\necho step 1\necho error: full\nexit 1\n"
    )
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("BRIDGE_DOCKER", raising=False)
    environment = Environment.from_dockerfile("mine", "FROM x")
    with pytest.raises(SubmitFailed, match=r"docker build failed with exit code 1: error: full\.$"):
        environment.build(ws)
    assert "The environment 'mine' was not built:\nstep 1\nerror: full\n" in caplog.text


@pytest.mark.slow
def test_an_environment_is_built_before_a_run_needs_it(
    ws: Workspace, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIDGE_HOME", str(tmp_path / "home"))
    environment = Environment("managed")
    environment.build_local(ws).wait_for_completion(show_output=True)
    assert capsys.readouterr().out.startswith("Building the environment ")
    environment.build(ws).wait_for_completion(show_output=True)
    assert capsys.readouterr().out.startswith("Using the environment ")


# Jobs of several processes

RANKS = """
import os
from bridge import Run
for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR"):
    Run.get_context().log(name, os.environ[name])
"""


def test_a_job_of_several_processes_runs_as_one_with_a_warning(ws: Workspace, source: Path) -> None:
    (source / "train.py").write_text(RANKS)
    config = ScriptRunConfig(source, script="train.py", distributed_job_config=PyTorchConfiguration(process_count=4))
    run = Experiment(ws, "jobs").submit(config)
    run.wait_for_completion()
    assert run.get_metrics() == {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1"}
    (warning,) = run.warnings
    assert "ran as one process, although PyTorchConfiguration asks for 4 processes" in warning


def test_how_many_processes_a_job_asks_for() -> None:
    assert MpiConfiguration().process_count == TensorflowConfiguration().process_count == 1
    assert MpiConfiguration(process_count_per_node=2, node_count=3).process_count == 6
    assert PyTorchConfiguration(node_count=2).process_count == 2
    assert TensorflowConfiguration(worker_count=2, parameter_server_count=1).process_count == 2
    assert MpiConfiguration().variables() == {}


def test_strict_jobs_are_of_one_process(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIDGE_STRICT", "1")
    ScriptRunConfig(source, script="train.py", distributed_job_config=MpiConfiguration())
    with pytest.raises(InvalidValue, match="distributed_job_config .*: start torchrun or mpirun with command= instead"):
        ScriptRunConfig(source, script="train.py", distributed_job_config=MpiConfiguration(2))
