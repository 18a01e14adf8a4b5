"""Finds the Python interpreter of an environment."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from bridge.environments.packages import wanted_packages
from bridge.environments.sections import PYTHON
from bridge.environments.virtual import virtual_interpreter
from bridge.errors import SubmitFailed
from bridge.records.script import PythonDefinition


def interpreter_for(python: PythonDefinition, write: Callable[[bytes], object]) -> str:
    """Return the path of the interpreter for an environment. Build a virtual environment if necessary.

    Args:
        python: the interpreter and the packages of the environment.
        write: called with each piece of the output of the build.

    Raises:
        SubmitFailed: the interpreter does not exist, or the build failed.
        InvalidValue: a conda package is not a Python package, or its version cannot be translated for pip.
    """
    if not python.builds_packages:
        return user_interpreter(python.interpreter_path or PYTHON)
    return virtual_interpreter(wanted_packages(python.conda_dependencies), write)


def user_interpreter(path: str) -> str:
    """Return the absolute path of an interpreter that a user has set.

    Args:
        path: a path, or a name that is searched on the PATH; "python" means the interpreter of this process.

    Raises:
        SubmitFailed: the interpreter does not exist, or cannot be run.
    """
    if path == PYTHON:
        return sys.executable
    place = os.path.expanduser(path)
    found = shutil.which(place) if os.sep not in place else place
    if found is None:
        raise SubmitFailed("The environment", None, f"the Python interpreter {path!r} is not on the PATH")
    if not os.path.exists(found):
        raise SubmitFailed("The environment", None, f"the Python interpreter {path!r} does not exist")
    if Path(found).is_dir() or not os.access(found, os.X_OK):
        raise SubmitFailed("The environment", None, f"the Python interpreter {path!r} cannot be run")
    return os.path.abspath(found)
