"""Running a script in a container.

No test has run one: the words below are checked, and what happens where no engine answers.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from bridge.environments.build_failure import BUILD_LOG, LINES_OF_FAILURE, build_cause
from bridge.environments.packages import Wanted, wanted_packages
from bridge.environments.sections import PYTHON, default_image
from bridge.errors import SubmitFailed
from bridge.records.script import EnvironmentDefinition, PythonDefinition

ANSWER_SECONDS = 20.0
PASSED_ON = ("BRIDGE_", "AZUREML_", "MLFLOW_", "PYTHON")
"""Beginnings of the names of variables that a container gets, beside those that this process does not have; its others
are of this computer."""

NOT_PASSED_ON = frozenset(("PYTHONHOME", "BRIDGE_HOME"))
HOME = "/tmp"

Write = Callable[[bytes], object]


def check_engine() -> None:
    """Ask whether a Docker engine answers.

    Raises:
        SubmitFailed: none does; the sentence says what to do.
    """
    instead = "start Docker, or set BRIDGE_DOCKER=0 to run without"
    command = ["docker", "version", "--format", "{{.Server.Version}}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False)
    except FileNotFoundError:
        raise SubmitFailed("Docker", None, f"the environment asks for it, and it is not installed: {instead}") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SubmitFailed("Docker", None, f"no engine answers ({error}): {instead}") from error
    if done.returncode:
        said = " ".join(done.stderr.split()).rstrip(".")
        raise SubmitFailed("Docker", done.returncode, f"no engine answers ({said}): {instead}")


def image_of(environment: EnvironmentDefinition, write: Write) -> str:
    """The image that a script runs in, built if the environment says how or has packages; Docker keeps what it built.

    Raises:
        SubmitFailed: no engine answers, or the build failed.
        InvalidValue: pip cannot install the packages.
    """
    check_engine()
    docker, python = environment.docker, environment.python
    wanted = wanted_packages(python.conda_dependencies) if python.builds_packages else None
    image = docker.base_image or default_image()
    dockerfile = dockerfile_of(image, docker.base_dockerfile, wanted)
    if dockerfile is None:
        return image
    import hashlib

    tag = f"runbridge:{hashlib.sha256(dockerfile.encode()).hexdigest()[:32]}"
    process = subprocess.Popen(
        ["docker", "build", "--tag", tag, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    with process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(dockerfile.encode())
        process.stdin.close()
        printed: deque[str] = deque(maxlen=LINES_OF_FAILURE)
        for line in process.stdout:
            write(line)
            printed.append(line.decode(errors="replace"))
    if process.returncode:
        raise SubmitFailed("docker build", process.returncode, f"{build_cause(printed)}; see the log {BUILD_LOG}")
    return tag


def container_interpreter(python: PythonDefinition) -> str:
    """What Python is called in the container: the path that a user names, but for one that is this computer's."""
    path = python.interpreter_path
    return path if python.user_managed_dependencies and path and path != sys.executable else PYTHON


def dockerfile_of(image: str | None, dockerfile: str | None, wanted: Wanted | None) -> str | None:
    """What an image is built from; None if it is used as it is."""
    lines = [] if wanted is None else list(wanted.lines)
    if dockerfile is None and not lines:
        return None
    text = dockerfile.rstrip("\n") if dockerfile is not None else f"FROM {image}"
    if lines:
        options = [word for line in lines if line.startswith("-") for word in line.split()]
        packages = [line for line in lines if not line.startswith("-")]
        words = ["python", "-m", "pip", "install", "--no-cache-dir", *options, *packages]
        import json

        text += f"\nRUN {json.dumps(words)}"
    return text + "\n"


def container_command(
    name: str,
    image: str,
    folder: Path,
    mounts: Iterable[str | os.PathLike[str]],
    variables: Mapping[str, str],
    *,
    arguments: Sequence[str] = (),
    shm_size: str | None = None,
) -> list[str]:
    """The words before a script's own command that run it in a container, which is removed when it ends.

    The container's user is this process's, and each folder has the same path inside.

    Args:
        name: the container's name, by which it can be ended: `docker kill NAME`.
        image: what it is made of.
        folder: the script's working folder.
        mounts: other folders that it needs, such as the workspace.
        variables: those of the script, which the command must be started with; of the caller's, the container gets what
            concerns the run.
        arguments: more arguments of `docker run`.
        shm_size: the size of the container's shared memory.
    """
    words = ["docker", "run", "--rm", "--init", "--name", name, "--user", f"{os.getuid()}:{os.getgid()}"]
    words += ["--workdir", str(folder)]
    for place in dict.fromkeys(str(place) for place in (folder, *mounts)):
        words += ["--volume", f"{place}:{place}"]
    for key in sorted(variables):
        is_own = variables[key] != os.environ.get(key)
        if (is_own or key.startswith(PASSED_ON)) and key not in NOT_PASSED_ON:
            words += ["--env", key]  # without its value, which every user of this computer could read
    words += ["--env", f"HOME={HOME}"]
    if shm_size:
        words += ["--shm-size", shm_size]
    return [*words, *arguments, image]
