"""What a submitted run shall do: its script, arguments, environment and limits."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.address import check_local_path
from bridge.errors import InvalidValue, NotFound, Problem
from bridge.records.text import as_text

if TYPE_CHECKING:
    from bridge.environments.environment import Environment

RUN_SECONDS = 30 * 24 * 60 * 60
LOCAL = "local"
FOLDER, ENDING = ".azureml", ".runconfig"


class History:
    """What is kept of a run beside what it logs.

    Attributes:
        output_collection: files in `./outputs` are kept.
        snapshot_project: the source is kept; it must be, for the script runs in a copy of it.
        directories_to_watch: folders whose files are kept while they grow: "logs", the only one here, or none.
    """

    def __init__(self) -> None:
        self.output_collection = True
        self.snapshot_project = True
        self.directories_to_watch: list[str] = ["logs"]


class DockerConfiguration:
    """Whether a script runs in a container, and how.

    Args:
        use_docker: run it in a container of the environment's image.
        shared_volumes: taken, and of no effect: the working folder is always shared.
        arguments: more arguments of `docker run`.
        shm_size: the size of the container's shared memory, as `2g`.
    """

    def __init__(
        self,
        use_docker: bool = False,
        shared_volumes: bool = True,
        arguments: Iterable[str] | None = None,
        shm_size: str | None = None,
    ) -> None:
        self.use_docker = use_docker
        self.shared_volumes = shared_volumes
        self.arguments = list(arguments or ())
        self.shm_size = shm_size


class RunConfiguration:
    """How a script runs: can be saved as `.azureml/<name>.runconfig` and loaded again.

    Args:
        script: the script, relative to the source folder.
        arguments: its arguments.
        framework: "Python", the only one here.
        communicator: "None", the only one here.
        conda_dependencies: packages of a managed environment.
        command: a shell command in place of script and arguments.
        _history_enabled, _path, _name: taken for the sake of old scripts; the name is the one that `save` uses.

    Source: Azure ML SDK v1, `azureml.core.runconfig.RunConfiguration`.
    """

    def __init__(
        self,
        script: str | None = None,
        arguments: Iterable[object] | None = None,
        framework: str | None = None,
        communicator: str | None = None,
        conda_dependencies: Any = None,
        _history_enabled: bool | None = None,
        _path: str | None = None,
        _name: str | None = None,
        command: str | Iterable[str] | None = None,
    ) -> None:
        self.script = script
        self.arguments = arguments
        self.command = command
        self.target: Any = LOCAL
        self.framework = framework or "Python"
        self.communicator = communicator or "None"
        self._environment: Environment | None = None
        self._is_given = False
        self.environment_variables: dict[str, str] = {}
        self.max_run_duration_seconds: int | None = RUN_SECONDS
        self.node_count = 1
        self.history = History()
        self.docker = DockerConfiguration()
        self.data: dict[str, Any] = {}
        self.output_data: dict[str, Any] = {}
        self._name = _name
        if conda_dependencies is not None:
            from bridge.environments.environment import Environment

            self.environment = Environment("managed")
            self.environment.python.conda_dependencies = conda_dependencies

    @property
    def environment(self) -> Environment:
        """What Python and packages the script needs; where none is set, one that can be: with neither packages nor an
        interpreter it is the interpreter that submits."""
        from bridge.environments.environment import Environment

        if self._environment is None:
            self._environment = Environment("default-environment")
        return self._environment

    @environment.setter
    def environment(self, environment: Environment | None) -> None:
        _check_environment(environment)
        self._environment, self._is_given = environment, environment is not None

    def _definition_of_environment(self) -> dict[str, Any] | None:
        """The environment as JSON; None if nothing was asked of one."""
        if self._environment is None:
            return None
        definition = self._environment._definition()
        python = definition["python"]
        packages = (python["condaDependencies"] or {}).get("dependencies")
        if not self._is_given and not packages:
            python["userManagedDependencies"] = True
        return definition

    def save(
        self,
        path: str | os.PathLike[str] | None = None,
        name: str | None = None,
        separate_environment_yaml: bool = False,
    ) -> Path:
        """Write `<path>/.azureml/<name>.runconfig` and return where that is.

        Args:
            path: a folder; None is the working folder.
            name: None is the one it was loaded with, else "default".
            separate_environment_yaml: must be False: the environment is kept in the same file.
        """
        from bridge.launch.runconfig import save

        if separate_environment_yaml:
            rule = "must be False: the environment is kept in the same file"
            raise InvalidValue("separate_environment_yaml", True, rule)
        self._name = name or self._name or "default"
        return save(self, _place(path, self._name))

    @staticmethod
    def load(path: str | os.PathLike[str], name: str | None = None) -> RunConfiguration:
        """Read what `save` wrote; settings that it does not know are left out, with a line in the log.

        Args:
            path: the file, or a folder.
            name: None is "default".

        Raises:
            NotFound: there is no such file.
            InvalidValue: it is no YAML of a run configuration.
        """
        from bridge.launch.runconfig import load

        place = check_local_path("path", path)
        return load(place if place.is_file() else _place(path, name or "default"))

    @staticmethod
    def delete(path: str | os.PathLike[str], name: str) -> None:
        """Remove what `save` wrote.

        Raises:
            NotFound: there is no such file.
        """
        place = _place(path, name)
        try:
            place.unlink()
        except FileNotFoundError:
            raise NotFound("run configuration", str(place)) from None


def _place(path: str | os.PathLike[str] | None, name: str) -> Path:
    folder = check_local_path("path", path if path is not None else ".")
    check_local_path("name", name)
    if folder.name != FOLDER:
        folder = folder / FOLDER
    return folder / (name if name.endswith(ENDING) else name + ENDING)


class ScriptRunConfig:
    """A script with its folder, arguments, environment and limits; `Experiment.submit` runs it.

    The script works in a copy of the folder, as it is when it is submitted.

    Args:
        source_directory: the folder that the script needs; None is the working folder.
        script: the script, relative to the folder.
        arguments: values that become text.
        run_config: settings to begin with; then `compute_target`, `environment`, `max_run_duration_seconds` and
            `docker_runtime_config` are not looked at, and a warning in the log says so.
        _telemetry_values: not looked at.
        compute_target: None or "local": clusters are not supported yet.
        environment: what Python and packages it needs; None is the interpreter that submits it.
        distributed_job_config, resume_from: must be None: they need a cluster.
        max_run_duration_seconds: after that it is stopped, and the run fails; None is no limit.
        command: a shell command in place of `script` and `arguments`; a list is joined by spaces.
        docker_runtime_config: whether it runs in a container.

    Raises:
        InvalidValue: an argument cannot apply.

    Example:
        >>> config = ScriptRunConfig("./src", script="train.py", arguments=["--alpha", 0.1])
        >>> run = Experiment(ws, "digits").submit(config)

    Source: Azure ML SDK v1, `azureml.core.ScriptRunConfig`.
    """

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
        _refuse(
            distributed_job_config=(distributed_job_config, "start torchrun or mpirun with command= instead"),
            resume_from=(resume_from, "pass the id of that run as an argument and download its files in the script"),
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
            _say_unused(
                compute_target=compute_target is not None,
                environment=environment is not None,
                max_run_duration_seconds=max_run_duration_seconds != RUN_SECONDS,
                docker_runtime_config=docker_runtime_config is not None,
            )
        self.run_config = run_config
        self.script = script if script is not None else run_config.script
        self.arguments = arguments if arguments is not None else run_config.arguments
        if isinstance(self.arguments, Iterator):  # it is looked at more than once
            self.arguments = list(self.arguments)
        self.command = command if command is not None else (None if script is not None else run_config.command)
        if command is not None and script is None:
            self.script = None

    def _definition(self) -> dict[str, Any]:
        """All that the launcher needs, as JSON can hold it.

        Raises:
            InvalidValue: every mistake of the configuration.
            NotFound: the folder or the script is not there.
        """
        settings = self.run_config
        problems = list(_problems_of(self))
        if problems:
            raise InvalidValue(*problems[0], others=tuple(problems[1:]))
        source = Path(self.source_directory).absolute()
        _check_source(source, self.script)
        return {
            "script": self.script,
            "arguments": _words(self.arguments),
            "command": _line(self.command),
            "sourceDirectory": str(source),
            "target": LOCAL,
            "framework": settings.framework,
            "communicator": settings.communicator,
            "nodeCount": settings.node_count,
            "maxRunDurationSeconds": settings.max_run_duration_seconds,
            "environmentVariables": {key: str(value) for key, value in settings.environment_variables.items()},
            "environment": _environment(settings),
            "history": {
                "outputCollection": settings.history.output_collection,
                "snapshotProject": settings.history.snapshot_project,
                "directoriesToWatch": ["logs"] if settings.history.directories_to_watch else [],
            },
            "docker": {
                "useDocker": settings.docker.use_docker,
                "sharedVolumes": settings.docker.shared_volumes,
                "arguments": list(settings.docker.arguments),
                "shmSize": settings.docker.shm_size,
            },
        }


def _check_environment(environment: object) -> None:
    from bridge.environments.environment import Environment

    if environment is not None and not isinstance(environment, Environment):
        rule = "must be an Environment: Environment.get(ws, name) finds one that is registered"
        raise InvalidValue("environment", environment, rule)


def _refuse(**given: tuple[object, str]) -> None:
    for name, (value, instead) in given.items():
        if value is not None:
            raise InvalidValue(name, value, f"cannot apply where scripts run on this computer: {instead}")


def _say_unused(**given: bool) -> None:
    import logging

    unused = [name for name, is_given in given.items() if is_given]
    if unused:
        logging.getLogger("bridge").warning("run_config is given, so %s: not looked at.", ", ".join(unused))


def _problems_of(config: ScriptRunConfig) -> Iterable[Problem]:
    settings = config.run_config
    if (config.script is None) == (config.command is None):
        yield Problem("script", config.script, "must be given, or a command, and not both")
    if config.script is not None and (not isinstance(config.script, str) or not config.script):
        yield Problem("script", config.script, "must be the path of a script below the source folder")
    if config.command is not None and config.arguments:
        yield Problem("arguments", config.arguments, "must be written into the command")
    if config.command is not None and not _is_command(config.command):
        yield Problem("command", config.command, "must be text, or a list of texts that are joined by spaces")
    if config.arguments is not None and not _is_list(config.arguments):
        yield Problem("arguments", config.arguments, "must be a list of values")
    if (target := getattr(settings.target, "name", settings.target)) != LOCAL:
        yield Problem("compute_target", target, "must be 'local': clusters are not supported yet")
    if settings.framework != "Python":
        yield Problem("framework", settings.framework, "must be 'Python': start anything else with command=")
    if settings.communicator not in ("None", None):
        yield Problem("communicator", settings.communicator, "must be 'None': start mpirun with command=")
    if settings.node_count != 1:
        yield Problem("node_count", settings.node_count, "must be 1: clusters are not supported yet")
    yield from _problems_of_texts(config)
    yield from _problems_of_limits(settings)


def _problems_of_texts(config: ScriptRunConfig) -> Iterable[Problem]:
    """Texts that no process can be given."""
    variables = config.run_config.environment_variables
    texts: list[tuple[str, Any]] = [("script", config.script)]
    if _is_command(config.command):
        texts.append(("command", _line(config.command)))
    if _is_list(config.arguments):
        texts += [("argument", as_text("argument", argument)) for argument in config.arguments or ()]
    if isinstance(variables, Mapping):
        what = "environment variable"
        texts += [(what, as_text(what, text)) for pair in variables.items() for text in pair]
    for key, text in texts:
        if isinstance(text, str) and "\0" in text:
            yield Problem(key, text, "must not have a null character in it")
        elif isinstance(text, str) and not _can_be_given(text):
            yield Problem(key, text, "must be text that this computer can spell")


def _can_be_given(text: str) -> bool:
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True


def _problems_of_limits(settings: RunConfiguration) -> Iterable[Problem]:
    seconds = settings.max_run_duration_seconds
    if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or seconds <= 0):
        yield Problem("max_run_duration_seconds", seconds, "must be a number greater than 0")
    if not settings.history.snapshot_project:
        yield Problem("history.snapshot_project", False, "must be True: the script runs in a copy of the snapshot")
    folders = settings.history.directories_to_watch
    if not isinstance(folders, (list, tuple)) or any(folder.strip("./") != "logs" for folder in folders):
        yield Problem("history.directories_to_watch", folders, "must be ['logs'], or [] for none")
    for name, value in (("data", settings.data), ("output_data", settings.output_data)):
        if value:
            yield Problem(name, value, "cannot apply here: pass paths as arguments")
    variables = settings.environment_variables
    if not isinstance(variables, Mapping) or not all(
        isinstance(key, str) and key and "=" not in key for key in variables
    ):
        yield Problem("environment_variables", variables, "must be a dict of values by name")


def _is_list(values: object) -> bool:
    return isinstance(values, Iterable) and not isinstance(values, (str, bytes, Mapping))


def _is_command(command: object) -> bool:
    if isinstance(command, str):
        return bool(command.strip())
    return isinstance(command, (list, tuple)) and bool(command)


def _check_source(folder: Path, script: str | None) -> None:
    if not folder.is_dir():
        raise NotFound("source folder", str(folder))
    if script is None:
        return
    place = folder / check_local_path("script", script)
    if not place.resolve().is_relative_to(folder.resolve()):
        raise InvalidValue("script", script, f"must lie below the source folder {folder}")
    if not place.is_file():
        raise NotFound("script", str(place), "a script must lie below its source folder, and be named relative to it")


def _words(arguments: Iterable[object] | None) -> list[str]:
    return [as_text("argument", argument) for argument in arguments or ()]


def _line(command: str | Iterable[str] | None) -> str:
    return "" if command is None else command if isinstance(command, str) else " ".join(map(str, command))


def _environment(settings: RunConfiguration) -> dict[str, Any]:
    definition = settings._definition_of_environment()
    if definition is not None:
        python = definition["python"]
        if os.sep in python["interpreterPath"]:  # the launcher works elsewhere
            python["interpreterPath"] = os.path.abspath(os.path.expanduser(python["interpreterPath"]))
        return definition
    python = {"userManagedDependencies": True, "interpreterPath": sys.executable}
    return {"name": "current-interpreter", "python": python}
