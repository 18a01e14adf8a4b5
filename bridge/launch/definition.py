"""Translates a `ScriptRunConfig` into the `ScriptDefinition` that is stored with a run."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from bridge.address import check_local_path
from bridge.environments.sections import PYTHON, shm_size_text
from bridge.environments.substitutes import accept_target
from bridge.environments.variables import problems_of_text, problems_of_variables
from bridge.errors import InvalidValue, NotFound, Problem
from bridge.launch.runconfig import DockerConfiguration, RunConfiguration
from bridge.launch.script import ScriptRunConfig
from bridge.records.script import (
    DockerDefinition,
    EnvironmentDefinition,
    HistoryDefinition,
    PythonDefinition,
    ScriptDefinition,
)
from bridge.records.text import as_texts, is_list


def script_definition(config: ScriptRunConfig) -> ScriptDefinition:
    """Return everything that a launcher (the process that runs a script) needs, except the script's working folder.

    Raises:
        InvalidValue: the configuration has mistakes; the error names all of them.
        NotFound: the source folder or the script does not exist.
    """
    settings = config.run_config
    problems = list(_problems_of(config))
    if problems:
        raise InvalidValue(*problems[0], others=tuple(problems[1:]))
    source = Path(config.source_directory).absolute()
    _check_source(source, config.script)
    return ScriptDefinition(
        script=config.script,
        arguments=as_texts("argument", config.arguments),
        command=_line(config.command),
        source_directory=str(source),
        target=_target_name(settings),
        framework=settings.framework,
        communicator=settings.communicator,
        node_count=settings.node_count,
        max_run_duration_seconds=settings.max_run_duration_seconds,
        environment_variables=_variables(config),
        environment=_environment(settings),
        history=HistoryDefinition(
            output_collection=settings.history.output_collection,
            snapshot_project=settings.history.snapshot_project,
            directories_to_watch=("logs",) if settings.history.directories_to_watch else (),
        ),
        docker=DockerDefinition(
            use_docker=settings.docker.use_docker,
            shared_volumes=settings.docker.shared_volumes,
            arguments=as_texts("docker arguments", settings.docker.arguments),
            shm_size=shm_size_text(settings.docker.shm_size),
        ),
    )


def _problems_of(config: ScriptRunConfig) -> Iterable[Problem]:
    settings = config.run_config
    if (config.script is None) == (config.command is None):
        yield Problem(
            "script",
            config.script,
            "must be given if there is no command, and must be None if there is a command",
        )
    if config.script is not None and (not isinstance(config.script, str) or not config.script):
        yield Problem("script", config.script, "must be the path of a script below the source folder")
    if config.command is not None and config.arguments:
        yield Problem("arguments", config.arguments, "must be part of the command, because a command is given")
    if config.command is not None and not _is_command(config.command):
        yield Problem("command", config.command, "must be text, or a list of texts, which are then joined by spaces")
    if config.arguments is not None and not is_list(config.arguments):
        yield Problem("arguments", config.arguments, "must be a list of values")
    yield from _problems_of_target(_target_name(settings))
    if settings.framework != "Python":
        yield Problem("framework", settings.framework, "must be 'Python': start any other program with command=")
    if settings.communicator not in ("None", None):
        yield Problem("communicator", settings.communicator, "must be 'None': start mpirun with command=")
    if settings.node_count != 1:
        yield Problem("node_count", settings.node_count, "must be 1, because scripts run only on this computer")
    docker: object = settings.docker
    if not isinstance(docker, DockerConfiguration):
        yield Problem("docker_runtime_config", docker, "must be a DockerConfiguration")
    yield from _problems_of_texts(config)
    yield from _problems_of_limits(settings)


def _problems_of_target(name: object) -> Iterable[Problem]:
    try:
        accept_target(name)
    except InvalidValue as error:
        yield Problem("compute_target", name, error.rule)
    except NotFound:
        yield Problem("compute_target", name, "must be 'local', because BRIDGE_STRICT is 1")


def _problems_of_texts(config: ScriptRunConfig) -> Iterable[Problem]:
    """Yield a problem for each text that cannot be passed to a process."""
    if isinstance(config.script, str):
        yield from problems_of_text("script", config.script)
    if _is_command(config.command):
        yield from problems_of_text("command", _line(config.command))
    if is_list(config.arguments):
        for text in as_texts("argument", config.arguments):
            yield from problems_of_text("argument", text)
    yield from problems_of_variables("environment_variables", config.run_config.environment_variables)


def _problems_of_limits(settings: RunConfiguration) -> Iterable[Problem]:
    seconds = settings.max_run_duration_seconds
    if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not seconds > 0):
        yield Problem("max_run_duration_seconds", seconds, "must be a number greater than 0")
    if not settings.history.snapshot_project:
        rule = "must be True, because the script runs in a copy of the snapshot"
        yield Problem("history.snapshot_project", False, rule)
    folders = settings.history.directories_to_watch
    if not isinstance(folders, (list, tuple)) or any(str(folder).strip("./") != "logs" for folder in folders):
        yield Problem("history.directories_to_watch", folders, "must be ['logs'], or [] to watch no folder")
    for name, value in (("data", settings.data), ("output_data", settings.output_data)):
        if value:
            yield Problem(name, value, "is not supported: pass the paths as arguments of the script")


def _is_command(command: object) -> bool:
    return isinstance(command, (str, list, tuple)) and bool(_line(command).strip())


def _target_name(settings: RunConfiguration) -> Any:
    return getattr(settings.target, "name", settings.target)


def _variables(config: ScriptRunConfig) -> dict[str, str]:
    job = config.distributed_job_config
    given = {key: str(value) for key, value in config.run_config.environment_variables.items()}
    return given if job is None else {**job.variables(), **given}


def _check_source(folder: Path, script: str | None) -> None:
    if not folder.is_dir():
        raise NotFound("source folder", str(folder))
    if script is None:
        return
    place = folder / check_local_path("script", script)
    if not place.resolve().is_relative_to(folder.resolve()):
        raise InvalidValue("script", script, f"must be below the source folder {folder}")
    if not place.is_file():
        hint = "the script must be in the source folder, and its path must be relative to this folder"
        raise NotFound("script", str(place), hint)


def runs_in_this_python(definition: ScriptDefinition) -> bool:
    """Return whether a script runs with the interpreter of this process."""
    python = definition.environment.python
    is_outside = python.builds_packages or definition.environment.docker.enabled or definition.docker.use_docker
    return not is_outside and python.interpreter_path in (None, PYTHON, sys.executable)


def _line(command: str | Iterable[object] | None) -> str:
    return "" if command is None else command if isinstance(command, str) else " ".join(map(str, command))


def _environment(settings: RunConfiguration) -> EnvironmentDefinition:
    asked = settings.environment_definition()
    if asked is None:
        # Without an environment, the script runs with the current interpreter. `absent` lists fields that are left out
        # of the JSON that is stored with the run. The JSON is then the same as that of version 0.1.0, which did not
        # have these fields.
        python = PythonDefinition(
            user_managed_dependencies=True,
            interpreter_path=sys.executable,
            absent=frozenset({"conda_dependencies"}),
        )
        absent = frozenset({"version", "environment_variables", "docker"})
        return EnvironmentDefinition(name="current-interpreter", python=python, absent=absent)
    path = asked.python.interpreter_path or PYTHON
    if os.sep in path:  # the path must be absolute, because the launcher has a different working folder
        path = os.path.abspath(os.path.expanduser(path))
    return replace(asked, python=replace(asked.python, interpreter_path=path))
