"""The Python environment of an MLflow project, as the environment of a submitted run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mlflow.projects import env_type
from mlflow.utils.environment import _PythonEnv
from yaml import YAMLError

from bridge.environments.conda import CondaDependencies
from bridge.environments.environment import Environment
from bridge.environments.specifications import requirement_lines
from bridge.errors import InvalidValue

if TYPE_CHECKING:
    from mlflow.projects._project_spec import Project

BUILT = frozenset({"conda", "virtualenv", "uv"})
"""The environment managers of MLflow that build an environment.

With Runbridge, each of them builds a virtual environment with packages from PyPI.
"""

NAME = "mlproject"


def environment_manager(project: Project, given: str | None, uses_conda: bool | None) -> str:
    """Return the environment manager of a project; "local" is the current interpreter.

    Args:
        project: the project.
        given: the value of `--env-manager`.
        uses_conda: the value of the option USE_CONDA.

    Raises:
        InvalidValue: `given` and `uses_conda` contradict each other, the project requests a container, or an
            environment is requested but the project declares none.
    """
    if project.docker_env:
        rule = "this backend runs no containers; use Experiment.submit with Environment.from_docker_image"
        raise InvalidValue("docker_env", project.docker_env.get("image"), rule)
    if uses_conda is not None and given is not None and uses_conda != (given in BUILT):
        raise InvalidValue("USE_CONDA", uses_conda, f"contradicts the environment manager {given!r}")
    is_named = project.env_config_path is not None
    if not is_named and (uses_conda or given in BUILT):
        what, value = ("environment manager", given) if given else ("USE_CONDA", uses_conda)
        raise InvalidValue(what, value, "the project declares no environment to build; declare conda_env or python_env")
    if given is not None:
        return given
    if uses_conda is False or not is_named:
        return "local"
    return "conda" if project.env_type == env_type.CONDA else "virtualenv"


def environment_of(project: Project, manager: str) -> Environment | None:
    """Return the environment with the packages that a project declares; None for the current interpreter.

    Raises:
        InvalidValue, NotFound: a file of the project cannot be read.
    """
    if manager not in BUILT:
        return None
    if project.env_type == env_type.CONDA:
        return Environment.from_conda_specification(NAME, project.env_config_path)
    return _of_python_env(Path(project.env_config_path))


def _of_python_env(file: Path) -> Environment:
    try:
        wanted = _PythonEnv.from_yaml(file)
    except (TypeError, YAMLError) as error:
        raise InvalidValue(
            "python_env", str(file), f"must be YAML with the keys python, build_dependencies or dependencies: {error}"
        ) from error
    environment = Environment(NAME)
    lines = list(_pip_lines(wanted.dependencies, file.parent))
    content = {"dependencies": [f"python={wanted.python}", {"pip": lines}]}
    environment.python.conda_dependencies = CondaDependencies(_underlying_structure=content)
    return environment


def _pip_lines(dependencies: Iterable[object], folder: Path) -> Iterator[str]:
    """Yield the packages and pip options that a project and its requirements files list."""
    for line in map(str, dependencies):
        option, _, named = line.strip().partition(" ")
        if option in ("-r", "--requirement"):
            yield from requirement_lines(folder / named.strip())
        else:
            yield line.strip()
