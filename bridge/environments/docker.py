"""Builds the image of an environment, and the command that runs a script in a container.

No test runs a container. The tests check the commands, and the error if no engine answers.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from bridge.environments.build_failure import LINES_OF_FAILURE, SEE_LOG, build_cause
from bridge.environments.packages import Wanted, wanted_packages
from bridge.environments.sections import PYTHON, default_image
from bridge.errors import SubmitFailed
from bridge.journal.system import is_of_handler
from bridge.records.script import EnvironmentDefinition, PythonDefinition

ANSWER_SECONDS = 20.0
PASSED_ON = ("BRIDGE_", "AZUREML_", "MLFLOW_", "PYTHON")
"""A variable whose name begins with one of these prefixes is passed to the container.

Variables that were set for the script are also passed. This process does not have these variables, or has other values
of them. All other variables are not passed, because they describe only this computer.
"""

NOT_PASSED_ON = frozenset(("PYTHONHOME", "BRIDGE_HOME"))
HOME = "/tmp"

Write = Callable[[bytes], object]


def check_engine() -> None:
    """Check that a Docker engine answers.

    Raises:
        SubmitFailed: no engine answers. The message states what to do.
    """
    instead = "start Docker, or set BRIDGE_DOCKER=0 to run scripts without it"
    command = ["docker", "version", "--format", "{{.Server.Version}}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        if is_of_handler(error):
            raise
        if isinstance(error, FileNotFoundError):
            reason = f"the environment needs Docker, but Docker is not installed: {instead}"
            raise SubmitFailed("Docker", None, reason) from None
        raise SubmitFailed("Docker", None, f"no engine answers ({error}): {instead}") from error
    if done.returncode:
        said = " ".join(done.stderr.split()).rstrip(".")
        raise SubmitFailed("Docker", done.returncode, f"no engine answers ({said}): {instead}")


def image_of(environment: EnvironmentDefinition, write: Write) -> str:
    """Return the image that a script runs in. Build the image if the environment has a Dockerfile or packages.

    Docker caches the images that it has built.

    Raises:
        SubmitFailed: no engine answers, or the build failed.
        InvalidValue: a conda package is not a Python package, or its version cannot be translated for pip.
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
        raise SubmitFailed("docker build", process.returncode, build_cause(printed) + SEE_LOG)
    return tag


def container_interpreter(python: PythonDefinition) -> str:
    """Return the interpreter in the container: the one that the user has set, or "python".

    If the user has set `sys.executable`, return "python", because the container does not have that file.
    """
    path = python.interpreter_path
    return path if python.user_managed_dependencies and path and path != sys.executable else PYTHON


def dockerfile_of(image: str | None, dockerfile: str | None, wanted: Wanted | None) -> str | None:
    """Return the text of the Dockerfile that adds the wanted packages to an image.

    Args:
        image: the image to which the packages are added. It is not used if `dockerfile` is given.
        dockerfile: the text of a Dockerfile, to which the packages are added.
        wanted: the packages to install. None means that no packages are installed.

    Returns:
        None if no image needs to be built, because there is neither a Dockerfile nor a package.
    """
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
    """Return the `docker run` command that runs a script in a container.

    The caller appends the command of the script to the returned command.
    The container runs as the user of this process. Each folder has the same path inside the container. The container
    is removed when the script ends.

    Args:
        name: the name of the container; `docker kill NAME` ends the container.
        image: the image.
        folder: the script's working folder.
        mounts: other folders that the script needs, such as the workspace.
        variables: the environment variables of the script. The caller must start the command with these variables,
            because the command contains only their names. Variables that describe this computer are not passed on.
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
            # The command contains no values of variables, because every user of this computer can see the command.
            words += ["--env", key]
    words += ["--env", f"HOME={HOME}"]
    if shm_size:
        words += ["--shm-size", shm_size]
    return [*words, *arguments, image]
