"""Run configurations: the settings of a script, stored as YAML files with the keys of the Azure ML SDK v1."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.address import check_local_path
from bridge.environments.conda import load_yaml_package
from bridge.environments.substitutes import LOCAL
from bridge.errors import InvalidValue, NotFound
from bridge.records.text import as_texts
from bridge.store.local_file import Writing

if TYPE_CHECKING:
    from bridge.environments.environment import Environment
    from bridge.records.script import EnvironmentDefinition

logger = logging.getLogger("bridge")

RUN_SECONDS = 30 * 24 * 60 * 60
FOLDER, ENDING = ".azureml", ".runconfig"

PLAIN = {
    "script": "script",
    "arguments": "arguments",
    "command": "command",
    "target": "target",
    "framework": "framework",
    "communicator": "communicator",
    "nodeCount": "node_count",
    "maxRunDurationSeconds": "max_run_duration_seconds",
    "environmentVariables": "environment_variables",
    "data": "data",
    "outputData": "output_data",
}
MAY_BE_NULL = frozenset(("maxRunDurationSeconds",))
"""Settings for which null means no limit. For all others null means the default."""

HISTORY = {
    "outputCollection": "output_collection",
    "snapshotProject": "snapshot_project",
    "directoriesToWatch": "directories_to_watch",
}
DOCKER = {"useDocker": "use_docker", "sharedVolumes": "shared_volumes", "arguments": "arguments", "shmSize": "shm_size"}


class History:
    """Settings that determine which files of a script are stored with its run.

    Attributes:
        output_collection: whether the files in `./outputs` are stored.
        snapshot_project: whether the source is stored. Must be True, because the script runs in a copy of the snapshot.
        directories_to_watch: the folders whose files are stored while they grow: `["logs"]` or `[]`.
    """

    def __init__(self) -> None:
        self.output_collection = True
        self.snapshot_project = True
        self.directories_to_watch: list[str] = ["logs"]


class DockerConfiguration:
    """Settings that determine whether a script runs in a container, and how.

    Args:
        use_docker: run the script in a container of the environment's image.
        shared_volumes: accepted for compatibility and ignored: the working folder is always shared.
        arguments: more arguments of `docker run`.
        shm_size: the size of the container's shared memory, such as "2g".

    Raises:
        InvalidValue: the arguments are not a list.
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
        self.arguments = list(as_texts("docker arguments", arguments))
        self.shm_size = shm_size


class RunConfiguration:
    """The settings of a script. They can be saved as `.azureml/<name>.runconfig` and loaded again.

    Args:
        script: the script, relative to the source folder.
        arguments: its arguments.
        framework: must be "Python".
        communicator: must be "None".
        conda_dependencies: packages of a virtual environment.
        command: a shell command instead of script and arguments.
        _history_enabled, _path: accepted for compatibility and ignored.
        _name: the name that `save` uses.

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
        """The environment of the script.

        If no environment was set, this is a new environment, which the caller may change. As long as it has neither
        packages nor an interpreter, the script runs with the interpreter that submits it.
        """
        from bridge.environments.environment import Environment

        if self._environment is None:
            self._environment = Environment("default-environment")
        return self._environment

    @environment.setter
    def environment(self, environment: Environment | None) -> None:
        _check_environment(environment)
        self._environment, self._is_given = environment, environment is not None

    def environment_definition(self) -> EnvironmentDefinition | None:
        """Return the environment that is stored with a run; None if `environment` was never set and never read."""
        from bridge.environments.environment import definition_of

        if self._environment is None:
            return None
        definition = definition_of(self._environment)
        packages = (definition.python.conda_dependencies or {}).get("dependencies")
        if not self._is_given and not packages:
            return replace(definition, python=replace(definition.python, user_managed_dependencies=True))
        return definition

    def save(
        self,
        path: str | os.PathLike[str] | None = None,
        name: str | None = None,
        separate_environment_yaml: bool = False,
    ) -> Path:
        """Write `<path>/.azureml/<name>.runconfig` and return its path.

        Args:
            path: a folder; None is the working folder.
            name: None is the name that the settings were loaded with, or "default".
            separate_environment_yaml: must be False, because the environment is stored in the same file.
        """
        if separate_environment_yaml:
            rule = "must be False, because the environment is stored in the same file"
            raise InvalidValue("separate_environment_yaml", True, rule)
        self._name = name or self._name or "default"
        return _write(self, _place(path, self._name))

    @staticmethod
    def load(path: str | os.PathLike[str], name: str | None = None) -> RunConfiguration:
        """Read a file that `save` wrote. Unknown settings are ignored, and their names are logged.

        Args:
            path: the file, or a folder.
            name: None is "default".

        Raises:
            NotFound: the file does not exist.
            InvalidValue: the file is not a run configuration in YAML.
        """
        place = check_local_path("path", path)
        return _load(place if place.is_file() else _place(path, name or "default"))

    @staticmethod
    def delete(path: str | os.PathLike[str], name: str) -> None:
        """Remove a file that `save` wrote.

        Raises:
            NotFound: the file does not exist.
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


def _check_environment(environment: object) -> None:
    from bridge.environments.environment import Environment

    if environment is not None and not isinstance(environment, Environment):
        rule = "must be an Environment: Environment.get(ws, name) finds one that is registered"
        raise InvalidValue("environment", environment, rule)


def _write(config: RunConfiguration, place: Path) -> Path:
    yaml = load_yaml_package()
    content = _as_dict(config, PLAIN)
    content["arguments"] = None if config.arguments is None else [str(argument) for argument in config.arguments]
    content["target"] = getattr(config.target, "name", config.target)
    content["history"] = _as_dict(config.history, HISTORY)
    content["docker"] = _as_dict(config.docker, DOCKER)
    environment = config.environment_definition()
    content["environment"] = None if environment is None else environment.to_json()
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    with Writing(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    return place


def _load(place: Path) -> RunConfiguration:
    yaml = load_yaml_package()
    try:
        content = yaml.safe_load(place.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFound("run configuration", str(place)) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidValue("run configuration", str(place), f"must be YAML: {error}") from error
    if not isinstance(content, dict):
        raise InvalidValue("run configuration", str(place), "must be a mapping of settings")
    config = RunConfiguration(_name=place.stem)
    _fill(config, PLAIN, content, place)
    _fill(config.history, HISTORY, content.pop("history", None) or {}, place)
    _fill(config.docker, DOCKER, content.pop("docker", None) or {}, place)
    environment = content.pop("environment", None)
    if environment is not None:
        from bridge.environments.environment import environment_of
        from bridge.records.script import EnvironmentDefinition

        config.environment = environment_of(EnvironmentDefinition.from_json(environment))
    if content:
        logger.info("Unknown settings in %s are ignored: %s.", place, ", ".join(sorted(map(str, content))))
    return config


def _as_dict(config: object, names: dict[str, str]) -> dict[str, Any]:
    return {key: getattr(config, name) for key, name in names.items()}


def _fill(
    config: RunConfiguration | History | DockerConfiguration, names: dict[str, str], content: Any, place: Path
) -> None:
    """Set the settings that the content of a file contains. Remove them from `content`, so that unknown ones remain."""
    if not isinstance(content, dict):
        raise InvalidValue("run configuration", str(place), f"must have a mapping of settings instead of {content!r}")
    for key, name in names.items():
        is_given = key in content
        value = content.pop(key, None)
        if value is not None or (is_given and key in MAY_BE_NULL):
            setattr(config, name, value)
