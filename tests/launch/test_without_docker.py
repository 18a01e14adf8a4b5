"""On a computer without Docker, scripts that ask for Docker can run without it, and their runs get a warning."""

from __future__ import annotations

from pathlib import Path

import pytest
from submitting import Submit

from bridge import DockerConfiguration, Environment
from bridge.launch.definition import script_definition
from bridge.launch.script import ScriptRunConfig
from bridge.launch.substitutes import substitute

WARNING = "The script ran without Docker, because BRIDGE_DOCKER is 0."


@pytest.mark.parametrize("by_environment", [True, False])
def test_a_script_runs_without_docker_if_that_is_switched_off(
    submit: Submit, monkeypatch: pytest.MonkeyPatch, by_environment: bool
) -> None:
    monkeypatch.setenv("BRIDGE_DOCKER", "0")
    environment = Environment("mine")
    environment.python.user_managed_dependencies = True
    environment.docker.enabled = by_environment
    docker = DockerConfiguration(use_docker=not by_environment)
    run = submit("print('ran')", environment=environment, docker_runtime_config=docker)
    assert run.wait_for_completion()["status"] == "Completed"
    assert run.warnings == (WARNING,)
    assert not run.get_environment().docker.enabled, "what the run keeps is what has happened"


def test_other_definitions_are_not_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "train.py").touch()
    monkeypatch.setenv("BRIDGE_DOCKER", "1")
    asks = ScriptRunConfig(tmp_path, script="train.py", docker_runtime_config=DockerConfiguration(use_docker=True))
    definition, warnings = substitute(script_definition(asks))
    assert definition.docker.use_docker and warnings == ()
    monkeypatch.setenv("BRIDGE_DOCKER", "0")
    _, warnings = substitute(script_definition(ScriptRunConfig(tmp_path, script="train.py")))
    assert warnings == (), "the script did not ask for Docker"


@pytest.mark.processes
def test_an_interpreter_that_is_too_old_is_refused(submit: Submit, tmp_path: Path) -> None:
    old = tmp_path / "python3.6"
    old.write_text("#!/bin/sh\nprintf 'python 3.6'\n")
    old.chmod(0o755)
    environment = Environment("old")
    environment.python.user_managed_dependencies = True
    environment.python.interpreter_path = str(old)
    run = submit("print('ran')", environment=environment)
    run.wait_for_completion(raise_on_error=False)
    assert run.error is not None and run.error["code"] == "EnvironmentFailed"
    assert "the interpreter is Python 3.6, but Runbridge needs 3.10 or newer" in run.error["message"]
