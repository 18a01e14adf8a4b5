"""The sections of an environment: its Python, and its container."""

from __future__ import annotations

import sys

from bridge.environments.conda import CondaDependencies
from bridge.records.text import as_text

PYTHON = "python"
"""The path that means the interpreter that submits."""


class PythonSection:
    """The interpreter that runs a script, and its packages.

    Attributes:
        user_managed_dependencies: True uses the interpreter of `interpreter_path` as it is; False builds a virtual
            environment with the packages of `conda_dependencies` once, and uses it again.
        interpreter_path: "python" is the interpreter that submits.
        conda_dependencies: packages, and a Python version.
    """

    __slots__ = ("conda_dependencies", "interpreter_path", "user_managed_dependencies")

    def __init__(self) -> None:
        self.user_managed_dependencies = False
        self.interpreter_path = PYTHON
        self.conda_dependencies: CondaDependencies | None = CondaDependencies()


class DockerSection:
    """The container that a script runs in.

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
    """Return the default image: Python's own, of the version that submits."""
    return f"docker.io/library/python:{sys.version_info[0]}.{sys.version_info[1]}-slim"


def shm_size_text(size: object) -> str | None:
    """Return the size of a container's shared memory as text; a number is a number of bytes."""
    return None if size is None else as_text("shm_size", size)
