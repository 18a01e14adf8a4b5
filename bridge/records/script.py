"""The definition of a submitted script: the records that a run stores as JSON, and a launcher reads.

Each record becomes a JSON object whose keys are its field names in camel case.
A newer version may add keys: keys that a record does not know are kept, and written again.
An older version may not have written a key: its field then has its default.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, TypeVar

from bridge.errors import InvalidValue

AnyDefinition = TypeVar("AnyDefinition", bound="Definition")


@dataclass(frozen=True, kw_only=True)
class Definition:
    """A record that is stored as a JSON object.

    Attributes:
        others: what the JSON has under keys that are no fields.
        absent: fields that the JSON does not have; `to_json` leaves them out as long as they have their defaults.
    """

    others: Mapping[str, Any] = field(default_factory=dict)
    absent: frozenset[str] = field(default=frozenset(), compare=False)

    def to_json(self) -> dict[str, Any]:
        """Return the record as `json.dumps` takes it."""
        values = {each: getattr(self, each.name) for each in _fields(type(self))}
        written = {
            _key(each): _plain(value)
            for each, value in values.items()
            if each.name not in self.absent or value != _default(each)
        }
        return {**written, **self.others}

    @classmethod
    def from_json(cls: type[AnyDefinition], content: object) -> AnyDefinition:
        """Return the record of a JSON object; null instead of an object, a list or a field is its default.

        Raises:
            InvalidValue: the JSON is no object, or has another type where a field is an object or a list.
        """
        if not isinstance(content, Mapping):
            raise InvalidValue(cls.__name__.removesuffix("Definition").lower(), content, "must be a JSON object")
        others, values, absent = dict(content), {}, set()
        for each in _fields(cls):
            if _key(each) in others:
                values[each.name] = _read(each, others.pop(_key(each)))
            else:
                absent.add(each.name)
        return cls(**values, others=others, absent=frozenset(absent))


@dataclass(frozen=True, kw_only=True)
class PythonDefinition(Definition):
    """The interpreter that runs a script.

    Attributes:
        user_managed_dependencies: the interpreter is used as it is; else a virtual environment is built.
        interpreter_path: the interpreter; "python" or nothing is the one that submits.
        conda_dependencies: the content of a conda `environment.yml`, of which the virtual environment is built.
    """

    user_managed_dependencies: bool = False
    interpreter_path: str | None = None
    conda_dependencies: Mapping[str, Any] | None = None

    @property
    def builds_packages(self) -> bool:
        """Whether a virtual environment is built for the script; not if nothing is asked of Python."""
        asks = self.interpreter_path is not None or self.conda_dependencies is not None
        return asks and not self.user_managed_dependencies


@dataclass(frozen=True, kw_only=True)
class ImageDefinition(Definition):
    """The image of an environment, for scripts that run in a container.

    Attributes:
        enabled: the script runs in a container.
        base_image: the image; None if `base_dockerfile` is given.
        base_dockerfile: the text of a Dockerfile.
        arguments: more arguments of `docker run`.
        shm_size: the size of the container's shared memory, such as "2g".
    """

    enabled: bool = False
    base_image: str | None = None
    base_dockerfile: str | None = None
    arguments: tuple[str, ...] = ()
    shm_size: str | None = None


@dataclass(frozen=True, kw_only=True)
class EnvironmentDefinition(Definition):
    """The Python, packages, variables and image that a script runs with.

    Attributes:
        version: None if the environment is not registered.
    """

    name: str = ""
    version: str | None = None
    python: PythonDefinition = field(default_factory=PythonDefinition)
    environment_variables: Mapping[str, str] = field(default_factory=dict)
    docker: ImageDefinition = field(default_factory=ImageDefinition)


@dataclass(frozen=True, kw_only=True)
class HistoryDefinition(Definition):
    """The files that are stored with a run, besides those that it logs.

    Attributes:
        output_collection: files in `./outputs` are stored when the script ends.
        snapshot_project: the source is stored.
        directories_to_watch: folders whose files are stored while they grow.
    """

    output_collection: bool = True
    snapshot_project: bool = True
    directories_to_watch: tuple[str, ...] = ("logs",)


@dataclass(frozen=True, kw_only=True)
class DockerDefinition(Definition):
    """Whether a script runs in a container, and with which arguments; its image is part of the environment.

    Attributes:
        use_docker: the script runs in a container.
        shared_volumes: accepted for compatibility and ignored.
        arguments: more arguments of `docker run`.
        shm_size: the size of the container's shared memory, such as "2g".
    """

    use_docker: bool = False
    shared_volumes: bool = True
    arguments: tuple[str, ...] = ()
    shm_size: str | None = None


@dataclass(frozen=True, kw_only=True)
class ScriptDefinition(Definition):
    """All that a launcher needs to run a script.

    Attributes:
        script: the script, relative to the source folder; None if there is a command.
        command: a line for the shell; empty if there is a script.
        source_directory: the absolute path of the folder that was submitted.
        max_run_duration_seconds: None for no limit.
        environment_variables: set for the script, after those of the environment.
        working_directory: the absolute path of the folder that the script works in.
    """

    script: str | None = None
    arguments: tuple[str, ...] = ()
    command: str = ""
    source_directory: str = ""
    target: str = "local"
    framework: str = "Python"
    communicator: str | None = "None"
    node_count: int = 1
    max_run_duration_seconds: float | None = None
    environment_variables: Mapping[str, str] = field(default_factory=dict)
    environment: EnvironmentDefinition = field(default_factory=EnvironmentDefinition)
    history: HistoryDefinition = field(default_factory=HistoryDefinition)
    docker: DockerDefinition = field(default_factory=DockerDefinition)
    working_directory: str = ""

    @classmethod
    def from_text(cls, text: str | None) -> ScriptDefinition:
        """Return the definition that a run stores; all defaults if it stores none.

        Raises:
            InvalidValue: the text is no JSON of a definition.
        """
        try:
            content = json.loads(text or "{}")
        except ValueError as error:
            raise InvalidValue("definition", text, f"must be JSON ({error})") from error
        return cls.from_json(content)


def _fields(kind: type[Definition]) -> list[Field[Any]]:
    return [each for each in fields(kind) if each.name not in ("others", "absent")]


def _key(each: Field[Any]) -> str:
    first, *others = each.name.split("_")
    return first + "".join(word.capitalize() for word in others)


def _default(each: Field[Any]) -> Any:
    return each.default_factory() if callable(each.default_factory) else each.default


def _plain(value: Any) -> Any:
    if isinstance(value, Definition):
        return value.to_json()
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value


def _read(each: Field[Any], value: Any) -> Any:
    """Return a field's value from what JSON has there."""
    default = _default(each)
    if isinstance(default, Definition):
        return type(default).from_json({} if value is None else value)
    if value is None and isinstance(default, (tuple, Mapping)):
        return default
    if isinstance(default, tuple):
        if not isinstance(value, (list, tuple)):
            raise InvalidValue(_key(each), value, "must be a JSON list")
        return tuple(value)
    if isinstance(default, Mapping) and not isinstance(value, Mapping):
        raise InvalidValue(_key(each), value, "must be a JSON object")
    return value
