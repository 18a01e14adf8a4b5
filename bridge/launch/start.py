"""Starting the launcher of a run: a process that outlives the caller and its terminal."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from bridge.errors import SubmitFailed

# It forks once more, so that the caller has no process to wait for; the folder it starts in must not shadow packages,
# and `bridge` is found where the caller found it, also by a relative path.
CODE = (
    "import os, sys\n"
    "os.fork() and os._exit(0)\n"
    "sys.path[:] = [folder for folder in sys.path if folder] + [sys.argv[4]]\n"
    "from bridge.launch.launcher import main\n"
    "sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))"
)
START_SECONDS = 60.0
"""How long a launcher may take until it has the run; one that takes longer is left alone."""
STDERR_BYTES = 1 << 12
SAID_NOTHING = "it ended without a word"


def start_launcher(address: str, run_id: str, hand_over: Callable[[], object]) -> None:
    """Start the launcher of a run and return when it has the run.

    Args:
        address: the workspace's folder.
        run_id: the run.
        hand_over: called when the launcher is there and waits for the run: nobody owns it when this returns.

    Raises:
        SubmitFailed: it ended before it had the run, with what it said.
    """
    if not sys.executable:
        raise SubmitFailed("The launcher", None, "this process does not know its Python interpreter: sys.executable")
    ours, theirs = socket.socketpair()
    with ours, _stderr() as stderr:
        with theirs:
            command = [sys.executable, "-c", CODE, address, run_id, str(theirs.fileno()), _import_folder()]
            exit_code = _start(command, stderr, theirs.fileno())
        if exit_code or not _has_said(ours):
            raise SubmitFailed("The launcher", exit_code or None, _said(stderr) or SAID_NOTHING)
        try:
            hand_over()
        finally:
            # Not left to `close`, for a child that was forked meanwhile has the same socket.
            with suppress(OSError):
                ours.shutdown(socket.SHUT_WR)
        if not _has_said(ours):
            raise SubmitFailed("The launcher", None, _said(stderr) or SAID_NOTHING)


def _start(command: list[str], stderr: BinaryIO, theirs: int) -> int:
    try:
        process = subprocess.Popen(
            command,
            cwd="/",  # it must not keep the caller's folder in use
            # A launcher that a script starts does not belong to the script's run.
            env={name: value for name, value in os.environ.items() if name != "BRIDGE_RUN_ID"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
            pass_fds=(theirs,),
        )
    except OSError as error:
        raise SubmitFailed(f"The launcher ({command[0]})", None, error.strerror or str(error)) from error
    return process.wait()


def _has_said(ours: socket.socket) -> bool:
    """Whether the launcher goes on, as it says; False if it has ended."""
    ours.settimeout(START_SECONDS)
    try:
        return ours.recv(1) != b""
    except TimeoutError:
        return True  # it is slow, and still there: its end is open
    except ConnectionResetError:
        return False


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
    return str(Path(__file__).absolute().parent.parent.parent)
