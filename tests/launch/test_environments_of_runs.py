"""The run, the variables and the interpreter of a script's process, and interpreters that do not work."""

from __future__ import annotations

import base64
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from both_places import IN_BOTH_PLACES
from submitting import Submit, log_of

from bridge import Experiment, Run, SubmitFailed, Workspace
from bridge.environments.conda import CondaDependencies
from bridge.environments.environment import Environment
from bridge.handles.script_run import ScriptRun
from bridge.launch.prepare import _check_python
from bridge.launch.runconfig import RunConfiguration

pytestmark = pytest.mark.processes

SAY = "import json, os, sys; print(json.dumps({'cwd': os.getcwd(), 'path': sys.path, **os.environ}))"


def user_managed(path: str | os.PathLike[str]) -> Environment:
    environment = Environment("mine")
    environment.python.user_managed_dependencies = True
    environment.python.interpreter_path = str(path)
    return environment


def said(run: ScriptRun) -> dict[str, str]:
    run.wait_for_completion()
    return dict(json.loads(log_of(run)))


def test_a_script_finds_its_run_by_all_names(submit: Submit, workspace: Workspace) -> None:
    run = submit(SAY)
    found = said(run)
    uri = workspace.get_mlflow_tracking_uri()
    assert {name: found[name] for name in found if name.startswith(("AZUREML_", "BRIDGE_", "MLFLOW_"))} == {
        **{name: value for name, value in os.environ.items() if name.startswith(("AZUREML_", "BRIDGE_", "MLFLOW_"))},
        "AZUREML_ARM_SUBSCRIPTION": "00000000-0000-0000-0000-000000000000",
        "AZUREML_ARM_RESOURCEGROUP": "runbridge",
        "AZUREML_ARM_WORKSPACE_NAME": workspace.name,
        "AZUREML_ARM_PROJECT_NAME": "submitted",
        "AZUREML_RUN_ID": run.id,
        "AZUREML_RUN_TOKEN": "not-a-secret",
        "AZUREML_SERVICE_ENDPOINT": uri,
        "AZUREML_EXPERIMENT_ID": run.experiment.id,
        "AZUREML_WORKSPACE_ID": workspace.id,
        "AZUREML_OUTPUT_DIRECTORY": "./outputs",
        "BRIDGE_WORKSPACE": str(workspace.path),
        "BRIDGE_RUN_ID": run.id,
        "MLFLOW_TRACKING_URI": uri,
        "MLFLOW_RUN_ID": run.id,
        "MLFLOW_EXPERIMENT_ID": run.experiment.id,
        "MLFLOW_EXPERIMENT_NAME": "submitted",
    }
    assert found["PYTHONUNBUFFERED"] == "1"


@IN_BOTH_PLACES
def test_a_script_works_in_a_copy_of_its_folder(submit: Submit, source: Path) -> None:
    (source / "data").mkdir()
    (source / "data" / "table.csv").write_text("1,2")
    code = """
        import os, sys
        open("data/table.csv").read()
        open("written_here.txt", "w").write("x")
        print(os.getcwd(), sys.path[0], os.path.isdir("outputs"))
    """
    run = submit(code)
    run.wait_for_completion()
    folder = run.get_details()["runDefinition"]["workingDirectory"]
    assert log_of(run).split() == [folder, folder, "True"]
    assert sorted(path.name for path in source.iterdir()) == ["data", "train.py"]


def test_variables_come_from_the_caller_and_the_configuration(submit: Submit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROM_CALLER", "a")
    monkeypatch.setenv("OVERRIDDEN", "caller")
    settings = RunConfiguration()
    settings.environment_variables = {"OVERRIDDEN": "configuration", "PYTHONPATH": "/mine"}
    found = said(submit(SAY, run_config=settings))
    assert (found["FROM_CALLER"], found["OVERRIDDEN"]) == ("a", "configuration")
    assert found["PYTHONPATH"].split(os.pathsep)[-1] == "/mine"


def test_a_script_can_import_the_names_of_the_azure_sdk(submit: Submit) -> None:
    run = submit("from azureml.core import Run; Run.get_context().log('loss', 1)")
    run.wait_for_completion()
    assert run.get_metrics() == {"loss": 1}


def test_a_module_in_the_callers_folder_shadows_no_module(submit: Submit, working_folder: Path) -> None:
    for name in ("json.py", "bridge.py", "signal.py"):
        (working_folder / name).write_text("raise SystemExit('shadowed')")
    assert submit("print('hello')").wait_for_completion()["status"] == "Completed"


def test_a_given_interpreter_is_used(submit: Submit, tmp_path: Path) -> None:
    interpreter = tmp_path / "bin" / "python"
    interpreter.parent.mkdir()
    interpreter.write_text(f'#!/bin/sh\nMARK=mine exec {sys.executable} "$@"\n')
    interpreter.chmod(0o755)
    found = said(submit(SAY, environment=user_managed(interpreter)))
    assert (found["MARK"], found["PATH"].split(os.pathsep)[0]) == ("mine", str(interpreter.parent))


def test_an_interpreter_path_is_relative_to_the_caller(submit: Submit, working_folder: Path) -> None:
    (working_folder / "python").symlink_to(sys.executable)
    assert submit("pass", environment=user_managed("./python")).wait_for_completion()["status"] == "Completed"


@pytest.mark.parametrize(
    "path, reason",
    [
        ("/nowhere/python", "does not exist"),
        ("no-such-python", "not on the PATH"),
        ("/bin/true", "not a Python interpreter"),
        ("/bin/cat", "not a Python interpreter"),
        ("/etc/passwd", "cannot be run"),
        ("/usr", "cannot be run"),
    ],
)
def test_a_file_that_is_not_an_interpreter_fails_the_run(submit: Submit, path: str, reason: str) -> None:
    run = submit("print('hello')", environment=user_managed(path))
    details = run.wait_for_completion(raise_on_error=False)
    error = details["error"]["error"]
    assert (details["status"], error["code"]) == ("Failed", "EnvironmentFailed")
    assert path in error["message"] and reason in error["message"]
    assert log_of(run) == f"{error['message']}\n"


@pytest.mark.parametrize("printed", ["python x.y", "python ", "Try --help for more information."])
def test_a_program_that_prints_no_version_is_not_an_interpreter(tmp_path: Path, printed: str) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho '{printed}'\n")
    program.chmod(0o755)
    with pytest.raises(SubmitFailed, match=r"is not a Python interpreter: .*[^.]\.$"):
        _check_python(str(program))


def test_a_command_runs_in_a_shell_with_the_environments_python(submit: Submit) -> None:
    command = ["python", "-c", "'import sys; print(sys.executable)'", "&&", "echo", "$AZUREML_RUN_ID"]
    run = submit(None, command=command)
    run.wait_for_completion()
    assert log_of(run).split() == [sys.executable, run.id]


def test_docker_settings_fail_with_a_clear_error_without_docker(
    submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    environment = user_managed("python")
    environment.docker.enabled = True
    error = submit("pass", environment=environment).wait_for_completion(raise_on_error=False)["error"]["error"]
    assert error["code"] == "EnvironmentFailed" and "Docker" in error["message"]


def test_a_build_that_fails_fails_the_run_with_its_log(submit: Submit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    environment = Environment("broken")
    environment.python.conda_dependencies = CondaDependencies.create(pip_packages=["runbridge-has-no-such-thing"])
    run = submit("pass", environment=environment)
    error = run.wait_for_completion(raise_on_error=False)["error"]["error"]
    assert error["code"] == "EnvironmentFailed" and "runbridge-has-no-such-thing" in error["message"]
    logs = run.get_details_with_logs()["logFiles"]
    assert "runbridge-has-no-such-thing" in logs["azureml-logs/20_image_build_log.txt"]


def test_a_reopened_submitted_run_is_a_script_run(submit: Submit, workspace: Workspace) -> None:
    import pickle

    run = submit("pass")
    others = [Run.get(workspace, run.id), workspace.get_run(run.id), *Experiment(workspace, "submitted").get_runs()]
    others.append(pickle.loads(pickle.dumps(run)))
    assert [type(other) for other in others] == [ScriptRun] * len(others)
    assert ScriptRun.RUN_TYPE == run.type == "azureml.scriptrun"


@IN_BOTH_PLACES
def test_tags_ids_and_parents_are_stored(submit: Submit, workspace: Workspace, source: Path) -> None:
    from bridge.launch.script import ScriptRunConfig

    parent = Experiment(workspace, "submitted").start_logging(outputs=False, snapshot_directory=None)
    (source / "train.py").write_text("pass")
    config = ScriptRunConfig(source, "train.py")
    child = parent.submit_child(config, tags={"fold": 1}, run_id="my-own-id")
    assert (child.id, child.tags, child.parent and child.parent.id) == ("my-own-id", {"fold": "1"}, parent.id)
    child.wait_for_completion()
    parent.complete()


@IN_BOTH_PLACES
def test_a_script_submits_children_of_its_run(submit: Submit, workspace: Workspace) -> None:
    code = """
        import bridge
        from bridge.launch.script import ScriptRunConfig
        run = bridge.Run.get_context()
        child = run.submit_child(ScriptRunConfig(".", command="echo $BRIDGE_RUN_ID"))
        child.wait_for_completion()
        print(child.id)
    """
    run = submit(code)
    assert run.wait_for_completion()["status"] == "Completed"
    child = Run.get(workspace, log_of(run).strip())
    assert isinstance(child, ScriptRun)
    assert (log_of(child).strip(), child.parent and child.parent.id) == (child.id, run.id)


def test_a_script_can_log_with_an_interpreter_without_runbridge(submit: Submit, tmp_path: Path) -> None:
    import venv

    venv.create(tmp_path / "bare", with_pip=False)
    code = """
        import sys
        from azureml.core import Run
        run = Run.get_context()
        run.log("loss", 0.5)
        run.log_list("all", [1, 2])
        open("outputs/model.txt", "w").write("weights")
        print(sys.prefix)
    """
    run = submit(code, environment=user_managed(tmp_path / "bare" / "bin" / "python"))
    assert run.wait_for_completion()["status"] == "Completed"
    assert log_of(run).strip() == str(tmp_path / "bare")
    assert run.get_metrics() == {"loss": 0.5, "all": [1, 2]}
    assert "outputs/model.txt" in run.get_file_names()


def test_a_password_of_an_index_is_used_and_not_stored(submit: Submit, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Index(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers.get("Authorization", ""))
            self.send_error(401 if not asked[-1] else 404)

        def log_message(self, *arguments: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Index)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("INDEX_PASSWORD", "s3cret")
    environment = Environment("private")
    packages = CondaDependencies.create()
    packages.set_pip_index_url(f"http://me:${{INDEX_PASSWORD}}@127.0.0.1:{server.server_port}/simple")
    packages.add_pip_package("not-a-package-of-anybody")
    environment.python.conda_dependencies = packages
    try:
        run = submit("pass", environment=environment)
        details = run.wait_for_completion(raise_on_error=False)
    finally:
        server.shutdown()
        server.server_close()
    assert "Basic " + base64.b64encode(b"me:s3cret").decode() in asked
    assert "${INDEX_PASSWORD}" in str(details) and "s3cret" not in str(run.get_details_with_logs())
