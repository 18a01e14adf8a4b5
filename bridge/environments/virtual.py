"""Virtual environments, built once for their content and used again."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bridge.address import home_folder
from bridge.environments.build_failure import BUILD_LOG, LINES_OF_FAILURE, build_cause
from bridge.environments.packages import OLDEST, Wanted, asked_versions, is_too_old
from bridge.errors import SubmitFailed

COMPLETE = "complete"
"""A file in an environment's folder, written last: without it the folder is what a build that died has left."""

PIP = ("-m", "pip", "--disable-pip-version-check", "--no-color", "--no-input", "install", "--progress-bar", "off")
COLOUR_VARIABLES = ("CLICOLOR_FORCE", "FORCE_COLOR", "PY_COLORS")
"""Variables that ask for colours, which a log does not take; a notebook sets one."""
VERSION_CODE = "import sys; print('%d.%d' % sys.version_info[:2], sys.base_prefix)"

Write = Callable[[bytes], object]


def virtual_interpreter(wanted: Wanted, write: Write) -> str:
    """The interpreter of the virtual environment that has some packages; it is built if nobody has built it.

    It lies in `$BRIDGE_HOME/environments/<key>`, and the key follows from the interpreter it is made with and from the
    lines of its requirements: packages without a version are those of the day it was built.

    Args:
        wanted: what it is made of.
        write: takes what the build prints.

    Raises:
        SubmitFailed: there is no such Python, or the build failed; its last lines are the reason.
    """
    python, version, prefix = find_python(wanted.python)
    key = _key((version, prefix, *wanted.lines))
    folder = home_folder() / "environments" / key
    if _is_complete(folder):
        write(os.fsencode(f"Using the environment {folder}\n"))
        return str(folder / "bin" / "python")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _building(folder, write) as lock:
        if not _is_complete(folder):
            _build(folder, python, wanted, write, lock)
    return str(folder / "bin" / "python")


def find_python(asked: str) -> tuple[str, str, str]:
    """An interpreter of a version that is asked for: its path, its version as `3.11`, and where it is installed.

    Raises:
        SubmitFailed: there is none.
        InvalidValue: what is asked cannot be read.
    """
    versions = [version for version in asked_versions(asked) if version >= OLDEST]
    for major, minor in versions:
        version = f"{major}.{minor}"
        if (major, minor) == sys.version_info[:2]:
            return sys.executable, version, sys.base_prefix
        if path := shutil.which(f"python{version}"):
            done = subprocess.run([path, "-c", VERSION_CODE], capture_output=True, text=True, check=False)
            found, _, prefix = done.stdout.strip().partition(" ")
            if done.returncode == 0 and found == version:
                return path, version, prefix
    own = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if is_too_old(asked):
        reason = f"it asks for Python {asked}, and Runbridge needs 3.10 or newer: ask for {own}, or for no version"
    else:
        reason = f"it asks for Python {asked}, and none is on the PATH: install that, or ask for {own}"
    raise SubmitFailed("The environment", None, reason)


def _key(parts: Sequence[str]) -> str:
    import hashlib

    return hashlib.sha256(json.dumps([os.uname().machine, *parts]).encode()).hexdigest()[:32]


def _is_complete(folder: Path) -> bool:
    # An upgrade of the system may take the interpreter away that `bin/python` leads to.
    return (folder / COMPLETE).exists() and (folder / "bin" / "python").exists()


@contextmanager
def _building(folder: Path, write: Write) -> Iterator[int]:
    """Nobody else builds this environment meanwhile; gives the lock's file descriptor."""
    lock = os.open(folder.with_name(folder.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            write(os.fsencode(f"Another run builds the environment {folder}: waiting for it\n"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
    finally:
        os.close(lock)


def _build(folder: Path, python: str, wanted: Wanted, write: Write, lock: int) -> None:
    # In place, for the programs of a virtual environment know where it lies.
    shutil.rmtree(folder, ignore_errors=True)
    write(os.fsencode(f"Building the environment {folder}\n"))
    for package in wanted.passed_over:
        write(f"{package} is not installed: it is not needed here\n".encode())
    try:
        _run([python, "-m", "venv", str(folder)], write, lock)
        if wanted.lines:
            requirements = folder / "requirements.txt"
            requirements.touch(mode=0o600)  # an index's address may have a password in it
            requirements.write_text("\n".join(wanted.lines) + "\n", encoding="utf-8")
            _run([str(folder / "bin" / "python"), *PIP, "-r", str(requirements)], write, lock)
        (folder / COMPLETE).touch()
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _run(command: Sequence[str], write: Write, lock: int) -> None:
    """Run a step of a build, which holds the lock too: it may outlive a process that is killed.

    Raises:
        SubmitFailed: it failed.
    """
    dropped = ("PYTHONPATH", "PYTHONHOME", *COLOUR_VARIABLES)
    environment = {name: value for name, value in os.environ.items() if name not in dropped}
    environment["NO_COLOR"] = "1"
    last: deque[str] = deque(maxlen=LINES_OF_FAILURE)
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            pass_fds=(lock,),
        )
    except OSError as error:
        raise SubmitFailed(" ".join(command), None, error.strerror or str(error)) from error
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            write(line)
            last.append(line.decode(errors="replace"))
    if process.returncode:
        reason = f"{build_cause(last)}; see the log {BUILD_LOG}"
        raise SubmitFailed("Building the environment", process.returncode, reason)
