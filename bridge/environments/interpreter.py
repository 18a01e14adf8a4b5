"""The interpreter that runs a script, as its environment asks for it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bridge.environments.environment import PYTHON
from bridge.environments.packages import wanted_packages
from bridge.environments.virtual import virtual_interpreter
from bridge.errors import SubmitFailed

BUILD_LOG = "azureml-logs/20_image_build_log.txt"
"""The artifact that takes what a build prints.

Source: Azure ML, logs of a run.
"""


def interpreter_for(environment: Mapping[str, Any], write: Callable[[bytes], object]) -> str:
    """The path of the interpreter for an environment, as a run's definition holds it; a virtual one is built if needed.

    Args:
        environment: the definition's part; an empty one asks for nothing.
        write: takes what a build prints, piece by piece.

    Raises:
        SubmitFailed: the interpreter is not there, or the build failed.
        InvalidValue: pip cannot install the packages.
    """
    python = environment.get("python") or {}
    if not python or python.get("userManagedDependencies"):
        return user_interpreter(python.get("interpreterPath") or PYTHON)
    return virtual_interpreter(wanted_packages(python.get("condaDependencies")), write)


def user_interpreter(path: str) -> str:
    """The interpreter that a user names: "python" is this one, a name is looked for on the PATH.

    Raises:
        SubmitFailed: it is not there, or cannot be run.
    """
    if path == PYTHON:
        return sys.executable
    place = os.path.expanduser(path)
    found = shutil.which(place) if os.sep not in place else place
    if found is None:
        raise SubmitFailed("The environment", None, f"its interpreter {path!r} is not on the PATH")
    if not os.path.exists(found):
        raise SubmitFailed("The environment", None, f"its interpreter {path!r} is not there")
    if Path(found).is_dir() or not os.access(found, os.X_OK):
        raise SubmitFailed("The environment", None, f"its interpreter {path!r} cannot be run")
    return os.path.abspath(found)
