"""Environments: the Python version, packages, environment variables and container image that a script runs with."""

from __future__ import annotations

import json
import logging
import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from bridge.address import check_local_path
from bridge.environments.conda import CondaDependencies
from bridge.environments.sections import PYTHON, DockerSection, PythonSection, default_image, shm_size_text
from bridge.environments.specifications import conda_interpreter, dockerfile_text, requirement_lines
from bridge.environments.substitutes import is_curated
from bridge.environments.variables import checked_variables
from bridge.errors import AlreadyExists, InvalidState, InvalidValue, NotFound
from bridge.records.script import EnvironmentDefinition, ImageDefinition, PythonDefinition
from bridge.records.text import as_text, as_texts
from bridge.store.local_file import Writing

if TYPE_CHECKING:
    from bridge.environments.build import EnvironmentBuild
    from bridge.handles.workspace import Workspace

logger = logging.getLogger("bridge")

ROOT = "environments"
"""The artifact root of registered environments. It contains the file `<name>/<version>.json` for each of them."""

NAME = re.compile(r"[a-zA-Z0-9][\w.-]{0,254}")
VERSION_FILE = re.compile(r".*/([1-9][0-9]{0,17})\.json")
DEFINITION_FILE = "azureml_environment.json"


class Environment:
    """The Python version, packages, environment variables and container image that a script runs with.

    Args:
        name: 1 to 255 letters, digits, underscores, dashes and dots; the first is a letter or a digit.

    Attributes:
        name: the name.
        version: the version; None until the environment is registered.
        python: the interpreter and the packages, a `PythonSection`.
        docker: the container, a `DockerSection`.
        environment_variables: the environment variables that are set for the script.

    Raises:
        InvalidValue: the name is not valid.

    Example:
        >>> environment = Environment("mine")
        >>> environment.python.user_managed_dependencies = True
        >>> environment.python.interpreter_path = "~/venvs/torch/bin/python"

    Source: Azure ML SDK v1, `azureml.core.Environment`.
    """

    __slots__ = ("docker", "environment_variables", "name", "python", "version")

    def __init__(self, name: str) -> None:
        if not isinstance(name, str) or not NAME.fullmatch(name):
            rule = "must have 1 to 255 letters, digits, underscores, dashes and dots, beginning with a letter or digit"
            raise InvalidValue("environment name", name, rule)
        self.name = name
        self.version: str | None = None
        self.python = PythonSection()
        self.docker = DockerSection()
        self.environment_variables: dict[str, str] = {}

    # Created from a file, an interpreter or an image

    @staticmethod
    def from_conda_specification(name: str, file_path: str | os.PathLike[str]) -> Environment:
        """Return an environment with the packages of a conda `environment.yml`.

        Raises:
            NotFound: the file does not exist.
            InvalidValue: the file is not that of a conda environment.
        """
        environment = Environment(name)
        environment.python.conda_dependencies = CondaDependencies(file_path)
        return environment

    @staticmethod
    def from_pip_requirements(
        name: str, file_path: str | os.PathLike[str], pip_version: str | None = None
    ) -> Environment:
        """Return an environment with the packages of a requirements file.

        Args:
            name: the name of the environment.
            file_path: the requirements file. It must name only packages, and no other files.
            pip_version: the version of pip that installs the packages; None means the version that comes with Python.

        Raises:
            NotFound: the file does not exist.
            InvalidValue: the file refers to another file, or is not text in UTF-8.
        """
        environment = Environment(name)
        conda = [] if pip_version is None else [f"pip={pip_version}"]
        # No line is dropped as a repetition. A file can name a package several times, once for each platform. It can
        # also name several package indexes.
        lines = requirement_lines(check_local_path("file_path", file_path))
        content = {"dependencies": [*conda, {"pip": lines}]}
        environment.python.conda_dependencies = CondaDependencies(_underlying_structure=content)
        return environment

    @staticmethod
    def from_existing_conda_environment(name: str, conda_environment_name: str) -> Environment:
        """Return an environment that uses a conda environment of this computer as it is.

        Raises:
            NotFound: conda is not on the PATH, or has no such environment.
        """
        environment = Environment(name)
        environment.python.user_managed_dependencies = True
        environment.python.interpreter_path = conda_interpreter(conda_environment_name)
        return environment

    @staticmethod
    def from_docker_image(
        name: str,
        image: str,
        container_registry: None = None,
        conda_specification: str | os.PathLike[str] | None = None,
        pip_requirements: str | os.PathLike[str] | None = None,
    ) -> Environment:
        """Return an environment that runs in a container of an image.

        The packages are installed in the image. Without packages, the image is used as it is.

        Args:
            name: the name of the environment.
            image: the name of the image.
            container_registry: must be None.
            conda_specification: a conda `environment.yml` with the packages; None if `pip_requirements` is given.
            pip_requirements: a requirements file with the packages; None if `conda_specification` is given.

        Raises:
            InvalidValue: `container_registry` is given, or both kinds of packages are given.
        """
        if container_registry is not None:
            raise InvalidValue("container_registry", "given", "must be None: use the command docker login")
        if conda_specification is not None and pip_requirements is not None:
            rule = "must be None if conda_specification is given"
            raise InvalidValue("pip_requirements", str(pip_requirements), rule)
        if conda_specification is not None:
            environment = Environment.from_conda_specification(name, conda_specification)
        elif pip_requirements is not None:
            environment = Environment.from_pip_requirements(name, pip_requirements)
        else:
            environment = Environment(name)
            environment.python.user_managed_dependencies = True
        environment.docker.enabled, environment.docker.base_image = True, image
        return environment

    @staticmethod
    def from_dockerfile(
        name: str,
        dockerfile: str | os.PathLike[str],
        conda_specification: str | os.PathLike[str] | None = None,
        pip_requirements: str | os.PathLike[str] | None = None,
    ) -> Environment:
        """Return an environment that runs in a container. The image is built from a Dockerfile.

        Args:
            name: the name of the environment.
            dockerfile: the path of a Dockerfile, or its text.
            conda_specification: a conda `environment.yml` with packages to install in the image.
            pip_requirements: a requirements file with packages to install in the image.

        Raises:
            InvalidValue: both kinds of packages are given.
        """
        environment = Environment.from_docker_image(name, default_image(), None, conda_specification, pip_requirements)
        environment.docker.base_image, environment.docker.base_dockerfile = None, os.fspath(dockerfile)
        return environment

    def build(self, workspace: Workspace, image_build_compute: object = None, **azure: object) -> EnvironmentBuild:
        """Build the environment now, on this computer. A run that needs the environment later does not build it again.

        Args:
            workspace, image_build_compute, azure: accepted for compatibility and ignored.

        Raises:
            SubmitFailed: the build failed. Its output is logged.
            InvalidValue: a conda package is not a Python package, or its version cannot be translated for pip.
        """
        from bridge.environments.build import build_environment

        return build_environment(definition_of(self))

    def build_local(self, workspace: Workspace, platform: object = None, **azure: object) -> EnvironmentBuild:
        """Build the environment now. This does the same as `build`, because every build is local."""
        return self.build(workspace)

    def clone(self, new_name: str) -> Environment:
        """Return a copy of the environment with another name and without a version."""
        return environment_of(replace(definition_of(self), name=new_name, version=None))

    # Stored in a workspace

    def register(self, workspace: Workspace) -> Environment:
        """Store the environment in a workspace as its next version, and return this version.

        If nothing has changed since the last version, store nothing and return the last version.
        """
        definition = replace(definition_of(self), version=None)
        while True:
            versions = _versions(workspace, self.name)
            last = Environment._find(workspace, self.name, str(versions[-1])) if versions else None
            if last is not None and replace(definition_of(last), version=None) == definition:
                return last
            version = str(versions[-1] + 1 if versions else 1)
            content = json.dumps(replace(definition, version=version).to_json(), indent=1).encode()
            try:
                workspace.stores.artifacts.put(ROOT, f"{self.name}/{version}.json", content, replace=False)
            except AlreadyExists:  # another process has registered this version concurrently
                continue
            return Environment.get(workspace, self.name, version)

    @staticmethod
    def get(workspace: Workspace, name: str, version: str | None = None, label: str | None = None) -> Environment:
        """Return a registered environment.

        Azure ML has curated environments, whose names begin with `AzureML-`. If such an environment is not registered,
        return an environment that uses the interpreter that submits the script.

        Args:
            workspace: the workspace.
            name: the name of the environment.
            version: the version; None is the last version.
            label: None or "latest".

        Raises:
            NotFound: the environment, the version or the label does not exist.
            InvalidState: the file of the environment is damaged.
        """
        versions = _versions(workspace, name)
        if not versions and is_curated(name):
            return _curated(name)
        if not versions:
            raise NotFound("environment", name, "register one, or use Environment(name)")
        if label not in (None, "latest"):
            raise NotFound("label", label, "an environment has only the label latest")
        wanted = str(versions[-1]) if version is None else as_text("version", version)
        if wanted not in map(str, versions):
            raise NotFound("version", wanted, f"environment {name!r} has {', '.join(map(str, versions))}")
        content = b"".join(workspace.stores.artifacts.get(ROOT, f"{name}/{wanted}.json"))
        try:
            return environment_of(EnvironmentDefinition.from_json(json.loads(content)))
        except ValueError as error:  # the file is damaged, for example empty after a power failure
            raise InvalidState("environment", f"{name}:{wanted}", "damaged", "valid: register it again") from error

    @staticmethod
    def list(workspace: Workspace) -> dict[str, Environment]:
        """Return the last version of each registered environment, by name.

        An environment whose file is damaged is skipped, and a warning is logged.
        A look-up of a name that the dict does not list calls `Environment.get`. It returns an environment for the name
        of a curated environment of Azure ML, and raises NotFound for any other name.
        """
        folders = workspace.stores.artifacts.list(ROOT)
        found = {folder.path: Environment._find(workspace, folder.path) for folder in folders if folder.is_folder}
        listed = {name: environment for name, environment in found.items() if environment is not None}
        return RegisteredEnvironments(workspace, listed)

    @staticmethod
    def _find(workspace: Workspace, name: str, version: str | None = None) -> Environment | None:
        try:
            return Environment.get(workspace, name, version)
        except InvalidState as error:
            logger.warning("%s", error)
            return None

    # Stored in a folder

    def save_to_directory(self, path: str | os.PathLike[str], overwrite: bool = False) -> None:
        """Write the environment to the file `azureml_environment.json` in a folder. Create the folder if necessary.

        Args:
            path: the path of the folder.
            overwrite: accept a folder that already exists. Its other files are kept.

        Raises:
            InvalidValue: the folder exists, and `overwrite` is False.
        """
        folder = check_local_path("path", path)
        if folder.exists() and not overwrite:
            raise InvalidValue("path", str(folder), "must not exist yet: pass overwrite=True to write to this folder")
        file, text = folder / DEFINITION_FILE, json.dumps(definition_of(self).to_json(), indent=1)
        with Writing(file):
            folder.mkdir(parents=True, exist_ok=True)
            file.write_text(text + "\n", encoding="utf-8")

    @staticmethod
    def load_from_directory(path: str | os.PathLike[str]) -> Environment:
        """Read an environment that `save_to_directory` wrote.

        Raises:
            NotFound: the file does not exist.
            InvalidValue: the content of the file is not an environment.
        """
        file = check_local_path("path", path) / DEFINITION_FILE
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            return environment_of(EnvironmentDefinition.from_json(content))
        except FileNotFoundError:
            raise NotFound("file", str(file), "Environment.save_to_directory writes it") from None
        except ValueError as error:
            if isinstance(error, InvalidValue):
                raise
            raise InvalidValue("file", str(file), "must be the JSON of an environment") from error

    def __repr__(self) -> str:
        return f"Environment(Name: {self.name},\nVersion: {self.version})"


class RegisteredEnvironments(dict[str, Environment]):
    """The environments of a workspace by name. A name that is not in the dict is looked up with `Environment.get`."""

    def __init__(self, workspace: Workspace, listed: dict[str, Environment]) -> None:
        super().__init__(listed)
        self._workspace = workspace

    def __missing__(self, name: str) -> Environment:
        return Environment.get(self._workspace, name)


def definition_of(environment: Environment) -> EnvironmentDefinition:
    """Return the record of an environment, as runs and workspaces store it.

    Raises:
        InvalidValue: the Dockerfile of the environment cannot be read, `docker.arguments` is not a list, or an
            environment variable cannot be passed to a process.
    """
    python, docker = environment.python, environment.docker
    packages = python.conda_dependencies
    return EnvironmentDefinition(
        name=environment.name,
        version=environment.version,
        python=PythonDefinition(
            user_managed_dependencies=bool(python.user_managed_dependencies),
            interpreter_path=str(python.interpreter_path),
            conda_dependencies=None if packages is None else packages.as_dict(),
        ),
        environment_variables=checked_variables("environment_variables", environment.environment_variables),
        docker=ImageDefinition(
            enabled=bool(docker.enabled),
            base_image=docker.base_image,
            base_dockerfile=dockerfile_text(docker.base_dockerfile),
            arguments=as_texts("docker arguments", docker.arguments),
            shm_size=shm_size_text(docker.shm_size),
        ),
    )


def environment_of(definition: EnvironmentDefinition) -> Environment:
    """Return the environment that a record describes.

    Raises:
        InvalidValue: the record has no valid name, or its packages are not in the form of an `environment.yml`.
    """
    environment = Environment(definition.name)
    environment.version = definition.version
    environment.environment_variables = dict(definition.environment_variables)
    python, docker = definition.python, definition.docker
    packages = python.conda_dependencies
    environment.python.user_managed_dependencies = bool(python.user_managed_dependencies)
    environment.python.interpreter_path = python.interpreter_path or PYTHON
    environment.python.conda_dependencies = CondaDependencies(_underlying_structure=packages) if packages else None
    environment.docker.enabled = bool(docker.enabled)
    if "base_image" not in docker.absent:
        environment.docker.base_image = docker.base_image
    environment.docker.base_dockerfile = docker.base_dockerfile
    environment.docker.arguments = list(docker.arguments)
    environment.docker.shm_size = docker.shm_size
    return environment


def _curated(name: str) -> Environment:
    """Return an environment with this name that uses the interpreter that submits the script."""
    environment = Environment(name)
    environment.python.user_managed_dependencies = True
    return environment


def _versions(workspace: Workspace, name: str) -> list[int]:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        return []
    files = workspace.stores.artifacts.list(ROOT, name)
    return sorted(int(found[1]) for file in files if (found := VERSION_FILE.fullmatch(file.path)))
