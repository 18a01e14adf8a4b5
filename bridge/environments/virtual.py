"""Builds virtual environments. Each one is built once, and used by all runs that need the same packages."""

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
from bridge.environments.build_failure import LINES_OF_FAILURE, SEE_LOG, build_cause
from bridge.environments.packages import OLDEST, Wanted, asked_versions, is_too_old
from bridge.errors import SubmitFailed
from bridge.journal.system import is_of_handler

COMPLETE = "complete"
"""The name of an empty file that is created at the end of a build.

A folder without this file is left from a build that failed.
"""

PIP = ("-m", "pip", "--disable-pip-version-check", "--no-color", "--no-input", "install", "--progress-bar", "off")
COLOUR_VARIABLES = ("CLICOLOR_FORCE", "FORCE_COLOR", "PY_COLORS")
"""Environment variables that request coloured output. Colour codes would make the log unreadable."""
VERSION_CODE = "import sys; print('%d.%d' % sys.version_info[:2], sys.base_prefix)"

Write = Callable[[bytes], object]


def virtual_interpreter(wanted: Wanted, write: Write) -> str:
    """Return the path of the interpreter of a virtual environment. Build the environment if it does not exist.

    The environment is in `$BRIDGE_HOME/environments/<key>`. The key is a hash of the interpreter and of the
    requirements. If a requirement has no version, the environment keeps the version that was current when it was built.

    Args:
        wanted: the Python version and the requirements.
        write: called with each line of the output of the build.

    Raises:
        SubmitFailed: the requested Python is not installed, or the build failed. The message contains the cause.
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
    """Return the path, the version and the `sys.base_prefix` of an interpreter. The version has the form `3.11`.

    Args:
        asked: the requested versions, such as ">=3.10,<3.13"; empty for any version.

    Raises:
        SubmitFailed: no interpreter of such a version is on the PATH.
        InvalidValue: `asked` has a syntax error.
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
        reason = f"it asks for Python {asked}, but Runbridge needs 3.10 or newer: ask for {own}, or for no version"
    else:
        reason = f"it asks for Python {asked}, which is not on the PATH: install this version, or ask for {own}"
    raise SubmitFailed("The environment", None, reason)


def _key(parts: Sequence[str]) -> str:
    import hashlib

    return hashlib.sha256(json.dumps([os.uname().machine, *parts]).encode()).hexdigest()[:32]


def _is_complete(folder: Path) -> bool:
    # `bin/python` is a link, and an upgrade of the system may remove its target.
    return (folder / COMPLETE).exists() and (folder / "bin" / "python").exists()


@contextmanager
def _building(folder: Path, write: Write) -> Iterator[int]:
    """Hold the lock of an environment, so that no other process builds it. Yield the file descriptor of the lock."""
    lock = os.open(folder.with_name(folder.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            write(os.fsencode(f"Waiting: another process builds the environment {folder}\n"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
    finally:
        os.close(lock)


def _build(folder: Path, python: str, wanted: Wanted, write: Write, lock: int) -> None:
    # The environment is built in its final folder, because the programs of a virtual environment contain its path.
    shutil.rmtree(folder, ignore_errors=True)
    write(os.fsencode(f"Building the environment {folder}\n"))
    for package in wanted.skipped:
        write(f"{package} is not installed, because Runbridge does not need it\n".encode())
    try:
        _run([python, "-m", "venv", str(folder)], write, lock)
        if wanted.lines:
            requirements = folder / "requirements.txt"
            # Other users must not read this file, because the address of a package index can contain a password.
            requirements.touch(mode=0o600)
            requirements.write_text("\n".join(wanted.lines) + "\n", encoding="utf-8")
            _run([str(folder / "bin" / "python"), *PIP, "-r", str(requirements)], write, lock)
        (folder / COMPLETE).touch()
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _run(command: Sequence[str], write: Write, lock: int) -> None:
    """Run a command of a build.

    The command inherits the lock of the environment. If this process is killed, the command can continue, and the lock
    still prevents other processes from building the environment.

    Raises:
        SubmitFailed: the command failed.
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
        if is_of_handler(error):
            raise
        raise SubmitFailed(" ".join(command), None, error.strerror or str(error)) from error
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            write(line)
            last.append(line.decode(errors="replace"))
    if process.returncode:
        reason = build_cause(last) + SEE_LOG
        raise SubmitFailed("Building the environment", process.returncode, reason)
