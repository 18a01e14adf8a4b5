"""Run configurations as YAML files, in the keys of the Azure ML SDK v1."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import yaml

from bridge.errors import InvalidValue, NotFound
from bridge.launch.script import DockerConfiguration, History, RunConfiguration

logger = logging.getLogger("bridge")

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
"""Settings of which null is a value of its own: no limit. Elsewhere null means the default."""

HISTORY = {
    "outputCollection": "output_collection",
    "snapshotProject": "snapshot_project",
    "directoriesToWatch": "directories_to_watch",
}
DOCKER = {"useDocker": "use_docker", "sharedVolumes": "shared_volumes", "arguments": "arguments", "shmSize": "shm_size"}


def save(config: RunConfiguration, place: Path) -> Path:
    """Write a run configuration."""
    content = _as_dict(config, PLAIN)
    content["arguments"] = None if config.arguments is None else [str(argument) for argument in config.arguments]
    content["target"] = getattr(config.target, "name", config.target)
    content["history"] = _as_dict(config.history, HISTORY)
    content["docker"] = _as_dict(config.docker, DOCKER)
    content["environment"] = config._definition_of_environment()
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return place


def load(place: Path) -> RunConfiguration:
    """Read a run configuration; see `RunConfiguration.load`."""
    try:
        content = yaml.safe_load(place.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFound("run configuration", str(place)) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidValue("run configuration", str(place), f"must be YAML, and is not: {error}") from error
    if not isinstance(content, dict):
        raise InvalidValue("run configuration", str(place), "must be a mapping of settings")
    config = RunConfiguration(_name=place.stem)
    _fill(config, PLAIN, content, place)
    _fill(config.history, HISTORY, content.pop("history", None) or {}, place)
    _fill(config.docker, DOCKER, content.pop("docker", None) or {}, place)
    environment = content.pop("environment", None)
    if environment is not None:
        from bridge.environments.environment import Environment

        config.environment = Environment._of_definition(environment)
    if content:
        logger.info("Not looked at in %s: %s.", place, ", ".join(sorted(map(str, content))))
    return config


def _as_dict(config: object, names: dict[str, str]) -> dict[str, Any]:
    return {key: getattr(config, name) for key, name in names.items()}


def _fill(
    config: RunConfiguration | History | DockerConfiguration, names: dict[str, str], content: Any, place: Path
) -> None:
    """Set what a file says, and take it out of what it says."""
    if not isinstance(content, dict):
        raise InvalidValue("run configuration", str(place), f"must have a mapping, and this is none: {content!r}")
    for key, name in names.items():
        is_given = key in content
        value = content.pop(key, None)
        if value is not None or (is_given and key in MAY_BE_NULL):
            setattr(config, name, value)
