"""The definition of a submitted script, as records. It is stored with the run as JSON, and its launcher reads it.

Each record is stored as a JSON object. The keys of the object are the field names of the record in camel case.
A newer version may have added keys. A record keeps keys that it does not know, and writes them again.
An older version may have written fewer keys. The fields of absent keys have their defaults.
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
        others: the keys of the JSON object that are not fields of the record, with their values.
        absent: the names of fields that the JSON object does not contain. `to_json` does not write such a field as long
            as it has its default.
    """

    others: Mapping[str, Any] = field(default_factory=dict)
    absent: frozenset[str] = field(default=frozenset(), compare=False)

    def to_json(self) -> dict[str, Any]:
        """Return the record as a dict for `json.dumps`."""
        values = {each: getattr(self, each.name) for each in _fields(type(self))}
        written = {
            _key(each): _plain(value)
            for each, value in values.items()
            if each.name not in self.absent or value != _default(each)
        }
        return {**written, **self.others}

    @classmethod
    def from_json(cls: type[AnyDefinition], content: object) -> AnyDefinition:
        """Return the record of a JSON object.

        If the object contains null for a field that is an object or a list, the field has its default.

        Raises:
            InvalidValue: `content` is not a JSON object, or contains another type for a field that is an object or a
                list.
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
        user_managed_dependencies: whether the interpreter `interpreter_path` is used. If False, a virtual environment
            with the packages of `conda_dependencies` is built, unless `interpreter_path` and `conda_dependencies` are
            both None.
        interpreter_path: the path of an interpreter; "python" or None is the interpreter that submits the script.
        conda_dependencies: the packages: the content of a conda `environment.yml`.
    """

    user_managed_dependencies: bool = False
    interpreter_path: str | None = None
    conda_dependencies: Mapping[str, Any] | None = None

    @property
    def builds_packages(self) -> bool:
        """Whether a virtual environment is built for the script. The value is False if the record has only defaults."""
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
    """The Python version, packages, environment variables and container image that a script runs with.

    Attributes:
        name: the name of the environment.
        version: the version; None if the environment is not registered.
        python: the interpreter and the packages.
        environment_variables: the environment variables that are set for the script.
        docker: the container image.
    """

    name: str = ""
    version: str | None = None
    python: PythonDefinition = field(default_factory=PythonDefinition)
    environment_variables: Mapping[str, str] = field(default_factory=dict)
    docker: ImageDefinition = field(default_factory=ImageDefinition)


@dataclass(frozen=True, kw_only=True)
class HistoryDefinition(Definition):
    """Settings that determine which files are stored with a run automatically.

    Attributes:
        output_collection: whether the files in `./outputs` are stored when the script ends.
        snapshot_project: whether the source is stored.
        directories_to_watch: the folders whose files are stored while they grow.
    """

    output_collection: bool = True
    snapshot_project: bool = True
    directories_to_watch: tuple[str, ...] = ("logs",)


@dataclass(frozen=True, kw_only=True)
class DockerDefinition(Definition):
    """Settings that determine whether a script runs in a container. The image is part of the environment.

    Attributes:
        use_docker: whether the script runs in a container.
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
    """Everything that a launcher needs to run a script.

    Attributes:
        script: the script, relative to the source folder; None if there is a command.
        command: a shell command; empty if there is a script.
        source_directory: the absolute path of the source folder.
        max_run_duration_seconds: the time limit of the script; None for no limit.
        environment_variables: environment variables of the script. They override those of `environment`.
        working_directory: the absolute path of the working folder of the script.
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
        """Return the definition that is stored with a run.

        Args:
            text: the JSON; None gives a definition with only defaults.

        Raises:
            InvalidValue: the text is not the JSON of a definition.
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
    """Return the value of a field, given its value in a JSON object."""
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
