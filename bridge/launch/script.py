"""The configuration of a script: its folder, arguments, environment and limits."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from bridge.address import check_local_path
from bridge.environments.substitutes import LOCAL
from bridge.errors import InvalidValue
from bridge.launch.distributed import DistributedJob, check_job
from bridge.launch.runconfig import RUN_SECONDS, DockerConfiguration, RunConfiguration

if TYPE_CHECKING:
    from bridge.environments.environment import Environment


class ScriptRunConfig:
    """A script with its folder, arguments, environment and limits; `Experiment.submit` runs it.

    The script works in a copy of the folder. The copy is made when the script is submitted.

    Args:
        source_directory: the folder that contains the script and its other files; None is the working folder.
        script: the path of the script, relative to `source_directory`.
        arguments: the arguments of the script, which are converted to text.
        run_config: settings. If they are given, `compute_target`, `environment`, `max_run_duration_seconds` and
            `docker_runtime_config` are ignored, and a warning is logged.
        _telemetry_values: accepted for compatibility and ignored.
        compute_target: the computer that runs the script; None or "local" is this computer. With any other name, the
            script also runs on this computer, and the run gets a warning.
        environment: the Python version and packages of the script; None is the interpreter that submits the script.
        distributed_job_config: a job of several processes. It runs as one process, and the run gets a warning.
        resume_from: must be None.
        max_run_duration_seconds: after this time the script is stopped, and the run fails; None means no limit.
        command: a shell command instead of `script` and `arguments`; a list is joined by spaces.
        docker_runtime_config: whether the script runs in a container, and how.

    Raises:
        InvalidValue: an argument has a value that is not supported.

    Example:
        >>> config = ScriptRunConfig("./src", script="train.py", arguments=["--alpha", 0.1])
        >>> run = Experiment(ws, "digits").submit(config)

    Source: Azure ML SDK v1, `azureml.core.ScriptRunConfig`.
    """

    distributed_job_config: DistributedJob | None = None  # objects pickled by an earlier version have no such attribute

    def __init__(
        self,
        source_directory: str | os.PathLike[str] | None,
        script: str | None = None,
        arguments: Iterable[object] | None = None,
        run_config: RunConfiguration | None = None,
        _telemetry_values: object = None,
        compute_target: object = None,
        environment: Environment | None = None,
        distributed_job_config: object = None,
        resume_from: object = None,
        max_run_duration_seconds: int | None = RUN_SECONDS,
        command: str | Iterable[str] | None = None,
        docker_runtime_config: DockerConfiguration | None = None,
    ) -> None:
        self.distributed_job_config = check_job(distributed_job_config)
        _refuse(
            resume_from=(resume_from, "pass the id of the run as an argument and download its files in the script"),
        )
        check_local_path("source_directory", source_directory if source_directory is not None else ".")
        self.source_directory = os.fspath(source_directory) if source_directory is not None else "."
        if run_config is None:
            run_config = RunConfiguration()
            run_config.target = LOCAL if compute_target is None else compute_target
            run_config.environment = environment
            run_config.max_run_duration_seconds = max_run_duration_seconds
            run_config.docker = docker_runtime_config or run_config.docker
        elif not isinstance(run_config, RunConfiguration):
            raise InvalidValue("run_config", run_config, "must be a RunConfiguration")
        else:
            _warn_of_unused(
                compute_target=compute_target is not None,
                environment=environment is not None,
                max_run_duration_seconds=max_run_duration_seconds != RUN_SECONDS,
                docker_runtime_config=docker_runtime_config is not None,
            )
        self.run_config = run_config
        self.script = script if script is not None else run_config.script
        self.arguments = arguments if arguments is not None else run_config.arguments
        if isinstance(self.arguments, Iterator):  # an iterator can be read once, but arguments are read several times
            self.arguments = list(self.arguments)
        self.command = command if command is not None else (None if script is not None else run_config.command)
        if command is not None and script is None:
            self.script = None


def _refuse(**given: tuple[object, str]) -> None:
    for name, (value, instead) in given.items():
        if value is not None:
            raise InvalidValue(name, value, f"is not supported: {instead}")


def _warn_of_unused(**given: bool) -> None:
    import logging

    unused = [name for name, is_given in given.items() if is_given]
    if unused:
        sentence = "These arguments are ignored, because run_config is given: %s."
        logging.getLogger("bridge").warning(sentence, ", ".join(unused))
