"""Starts the launcher of a run: the process that runs the submitted script and records its result.

The launcher outlives the submitting process and its terminal.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from bridge.errors import SubmitFailed
from bridge.journal.system import Ignoring, is_of_handler

# The code of the launcher process. The process that runs it first forks and exits; its child is the launcher. So the
# launcher is not a child of the submitting process, which need not wait for it. The child removes the working folder
# from `sys.path`, so that files in this folder are not imported instead of packages. The fourth argument is the folder
# in which the submitting process found `bridge`.
CODE = (
    "import os, sys\n"
    "os.fork() and os._exit(0)\n"
    "sys.path[:] = [folder for folder in sys.path if folder] + [sys.argv[4]]\n"
    "from bridge.launch.launcher import main\n"
    "sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))"
)
START_SECONDS = 60.0
"""How long the submitting process waits until the launcher owns the run. Then it continues without an error."""
STDERR_BYTES = 1 << 12
NO_MESSAGE = "the launcher ended without a message"


def start_launcher(address: str, run_id: str, hand_over: Callable[[], object]) -> None:
    """Start the launcher of a run, and return when the launcher owns the run.

    If this takes longer than 60 seconds, return earlier.

    Args:
        address: the workspace's folder, or its address on a server.
        run_id: the run.
        hand_over: releases the lease of the run, so that this process does not own the run any more. It is called
            when the launcher has started and waits for the run.

    Raises:
        SubmitFailed: the launcher could not be started, or ended before it owned the run. The error contains the
            output of the launcher.
    """
    if not sys.executable:
        reason = "sys.executable is empty. Set it to the path of the Python interpreter that starts the launcher"
        raise SubmitFailed("The launcher", None, reason)
    ours, theirs = socket.socketpair()
    with ours, _stderr() as stderr:
        with theirs:
            command = [sys.executable, "-c", CODE, address, run_id, str(theirs.fileno()), _import_folder()]
            exit_code = _start(command, stderr, theirs.fileno())
        if exit_code or not _goes_on(ours):
            raise SubmitFailed("The launcher", exit_code or None, _printed(stderr) or NO_MESSAGE)
        try:
            hand_over()
        finally:
            # `close` does not close the connection if another thread has just forked a child, because the child has a
            # copy of the socket. `shutdown` does.
            with Ignoring(OSError):
                ours.shutdown(socket.SHUT_WR)
        if not _goes_on(ours):
            raise SubmitFailed("The launcher", None, _printed(stderr) or NO_MESSAGE)


def _start(command: list[str], stderr: BinaryIO, theirs: int) -> int:
    # A launcher that a script starts does not belong to the script's run.
    environment = {name: value for name, value in os.environ.items() if name != "BRIDGE_RUN_ID"}
    try:
        process = subprocess.Popen(
            command,
            cwd="/",  # the launcher must not keep the caller's folder in use
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
            pass_fds=(theirs,),
        )
    except OSError as error:
        if is_of_handler(error):
            raise
        raise SubmitFailed(f"The launcher ({command[0]})", None, error.strerror or str(error)) from error
    return process.wait()


def _goes_on(ours: socket.socket) -> bool:
    """Wait for the next byte of the launcher; return False if the launcher has ended instead."""
    ours.settimeout(START_SECONDS)
    try:
        return ours.recv(1) != b""
    except OSError as error:
        if is_of_handler(error):
            raise
        if isinstance(error, TimeoutError):
            return True  # the launcher is slow, but it runs, because its end of the socket is open
        if isinstance(error, ConnectionResetError):
            return False
        raise


def _stderr() -> BinaryIO:
    """Open a temporary file without a name. The file exists as long as a process has it open."""
    try:
        return tempfile.TemporaryFile()
    except OSError as error:
        if is_of_handler(error):
            raise
        return open(os.devnull, "w+b")


def _printed(stderr: BinaryIO) -> str:
    stderr.seek(0, os.SEEK_END)
    stderr.seek(max(0, stderr.tell() - STDERR_BYTES))
    return stderr.read().decode("utf-8", "replace").strip()


def _import_folder() -> str:
    """Return the folder in which this process found `bridge`."""
    return str(Path(__file__).absolute().parent.parent.parent)
