"""Starting the launcher of a run: a process that outlives the caller and its terminal."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import BinaryIO

import bridge
from bridge.errors import SubmitFailed

# It forks once more, so that the caller has no process to wait for; a folder that holds no installed packages must not
# shadow any, and what the caller finds by a relative path is found all the same.
CODE = (
    "import os, sys\n"
    "os.fork() and os._exit(0)\n"
    "sys.path[:] = [folder for folder in sys.path if folder] + [sys.argv[4]]\n"
    "from bridge.submit.launch import main\n"
    "sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))"
)
START_SECONDS = 60.0
"""How long a launcher may take until it has the run; one that takes longer is left alone."""
STDERR_BYTES = 1 << 12


def start_launcher(address: str, run_id: str, python: str | None = None) -> None:
    """Start the launcher of a run and return when it has taken the run over.

    Args:
        address: the workspace's folder.
        run_id: the run.
        python: the interpreter that runs it; None is this process's.

    Raises:
        SubmitFailed: it ended before, with what it said.
    """
    executable = python or sys.executable
    if not executable:
        raise SubmitFailed("The launcher", None, "this process does not know its Python interpreter: sys.executable")
    reading, writing = os.pipe()
    try:
        with _stderr() as stderr:
            command = [executable, "-c", CODE, address, run_id, str(writing), _import_folder()]
            exit_code = _start(command, stderr, writing)
            os.close(writing)
            writing = -1
            if exit_code or not _is_taken_over(reading):
                reason = _said(stderr) or "it ended without a word"
                raise SubmitFailed("The launcher", exit_code or None, reason)
    finally:
        os.close(reading)
        if writing >= 0:
            os.close(writing)


def _start(command: list[str], stderr: BinaryIO, writing: int) -> int:
    try:
        process = subprocess.Popen(
            command,
            cwd="/",  # it must not keep the caller's folder in use
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
            pass_fds=(writing,),
        )
    except OSError as error:
        raise SubmitFailed(f"The launcher ({command[0]})", None, error.strerror or str(error)) from error
    return process.wait()


def _is_taken_over(reading: int) -> bool:
    end = time.monotonic() + START_SECONDS
    if not select.select([reading], [], [], max(0.0, end - time.monotonic()))[0]:
        return True  # it is slow, and still there: the pipe is open
    return os.read(reading, 1) != b""


def _stderr() -> BinaryIO:
    """A file without a name: it is gone when nobody holds it any more."""
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return open(os.devnull, "w+b")


def _said(stderr: BinaryIO) -> str:
    stderr.seek(0, os.SEEK_END)
    stderr.seek(max(0, stderr.tell() - STDERR_BYTES))
    return stderr.read().decode("utf-8", "replace").strip()


def _import_folder() -> str:
    """Where this process found `bridge`."""
    return str(Path(bridge.__file__).absolute().parent.parent)
