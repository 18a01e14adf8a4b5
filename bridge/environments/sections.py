"""The two sections of an environment: the Python interpreter and the container."""

from __future__ import annotations

import sys

from bridge.environments.conda import CondaDependencies
from bridge.records.text import as_text

PYTHON = "python"
"""A value of `interpreter_path`. It stands for the interpreter that submits the script."""


class PythonSection:
    """The interpreter that runs a script, and its packages.

    Attributes:
        user_managed_dependencies: if True, the script runs with the interpreter `interpreter_path`, and no packages are
            installed. If False, it runs in a virtual environment with the packages of `conda_dependencies`.
        interpreter_path: the path of an interpreter; "python" means the interpreter that submits the script.
        conda_dependencies: the packages, and the Python version.
    """

    __slots__ = ("conda_dependencies", "interpreter_path", "user_managed_dependencies")

    def __init__(self) -> None:
        self.user_managed_dependencies = False
        self.interpreter_path = PYTHON
        self.conda_dependencies: CondaDependencies | None = CondaDependencies()


class DockerSection:
    """Settings of the container that a script runs in.

    Attributes:
        enabled: whether the script runs in a container.
        base_image: the image; None if it is built from `base_dockerfile`.
        base_dockerfile: the text of a Dockerfile, or its path.
        arguments: more arguments of `docker run`.
        shm_size: the size of the container's shared memory, such as "2g".
    """

    __slots__ = ("arguments", "base_dockerfile", "base_image", "enabled", "shm_size")

    def __init__(self) -> None:
        self.enabled = False
        self.base_image: str | None = default_image()
        self.base_dockerfile: str | None = None
        self.arguments: list[str] = []
        self.shm_size: str | None = None


def default_image() -> str:
    """Return the official image of the Python version with which this process runs. It is the default image."""
    return f"docker.io/library/python:{sys.version_info[0]}.{sys.version_info[1]}-slim"


def shm_size_text(size: object) -> str | None:
    """Return the size of a container's shared memory as text, such as "2g". A number without a unit means bytes."""
    return None if size is None else as_text("shm_size", size)
