"""The process of a script: starts, watches and stops it, and describes its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

GRACE_SECONDS = 5.0
"""How long a script may still run after SIGTERM. Then it gets SIGKILL."""
LEFT_BEHIND_SECONDS = 1.0
"""How long processes that a script left behind in its process group may still run after SIGTERM."""
SHELL_SIGNAL = 128
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36

SIGNALS = {
    signal.SIGSEGV: "the process accessed memory that does not belong to it",
    signal.SIGKILL: "a user killed the process, or the kernel killed it because memory ran out",
    signal.SIGABRT: "the process aborted, as native libraries do after an error",
    signal.SIGBUS: "a file or memory that the process used was removed",
    signal.SIGILL: "the process used instructions that this processor does not have",
    signal.SIGXCPU: "the process used more processor time than its limit allows",
}


class ScriptProcess:
    """A command that runs in its own session and process group. On Linux the kernel kills it when this process ends.

    Args:
        command: the program and its arguments.
        folder: the working folder.
        environment: all environment variables.
        output: the file descriptor for stdout and stderr.

    Raises:
        OSError: the command cannot be started.
    """

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[str, str], output: int) -> None:
        with warnings.catch_warnings():
            # Python warns if a process with several threads forks, because the child could wait for a lock that another
            # thread held. This child takes no locks before exec.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=_dies_with_this_process(),
            )
        self._run_id = environment.get("BRIDGE_RUN_ID", "")
        self.pid = self._process.pid
        self.begun = time.monotonic()

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while the command runs."""
        return self._process.poll()

    def stop(self, wait: Callable[[float], object] = time.sleep) -> None:
        """Send SIGTERM to the whole process group, and SIGKILL five seconds later."""
        descendants = _descendants(self._run_id)
        self._end_group(GRACE_SECONDS, wait)
        for pid in descendants:  # a process that has left the group did not get the signals
            _kill(os.kill, pid, signal.SIGKILL)
        self._process.wait()

    def end_left_behind(self, wait: Callable[[float], object] = time.sleep) -> None:
        """End the processes that the script has left behind in its process group."""
        self._end_group(LEFT_BEHIND_SECONDS, wait)

    def left_behind(self) -> list[int]:
        """Return the ids of processes that the script has started and that still run, if they can be found."""
        return _descendants(self._run_id)

    def _end_group(self, grace_seconds: float, wait: Callable[[float], object]) -> None:
        end = time.monotonic() + grace_seconds
        if _kill(os.killpg, self.pid, signal.SIGTERM):
            # A stopped process gets SIGTERM only when it continues.
            _kill(os.killpg, self.pid, signal.SIGCONT)
        while self._group_exists() and time.monotonic() < end:
            wait(0.02)
        _kill(os.killpg, self.pid, signal.SIGKILL)

    def _group_exists(self) -> bool:
        if self.exit_code is None:
            return True
        with suppress(ChildProcessError):
            _collect_ended(self.pid)
        return _kill(os.killpg, self.pid, 0)


def _collect_ended(group: int) -> None:
    """Collect the exit codes of ended processes that the script left behind.

    These processes are children of this process if `adopt_orphans` was called.

    Raises:
        ChildProcessError: no process of the group is a child of this process.
    """
    while os.waitpid(-group, os.WNOHANG)[0]:
        pass


def _kill(send: Callable[[int, int], None], pid: int, number: int) -> bool:
    """Send a signal; return whether a process got it."""
    try:
        send(pid, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # the process now belongs to another user
        return False
    return True


def _descendants(run_id: str) -> list[int]:
    """Return the descendants of this process that belong to a run, except launchers that its script has started."""
    import psutil

    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if process.environ().get("BRIDGE_RUN_ID") == run_id and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except psutil.Error:  # the process has ended, or now belongs to another user
            continue
    return found


def end_children() -> None:
    """Send SIGTERM to all descendants of this process.

    The signal is not sent to the whole process group. If a scheduler started this process, the group may also contain
    processes of the scheduler.
    """
    import psutil

    for process in psutil.Process().children(recursive=True):
        _kill(os.kill, process.pid, signal.SIGTERM)


def adopt_orphans() -> None:
    """On Linux, become the parent of descendants whose parents end, so that all processes of a script can be found."""
    prctl = _prctl()
    if prctl is not None:
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _dies_with_this_process() -> Callable[[], None] | None:
    """Return a function for the child to call between fork and exec. Return None on systems other than Linux.

    The function tells the kernel to kill the child when this process ends. The function imports nothing, because
    another thread may hold the import lock at the fork.
    """
    prctl = _prctl()
    if prctl is None:
        return None
    parent, kill = os.getpid(), int(signal.SIGKILL)

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, kill, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(SHELL_SIGNAL + kill)

    return ask


def _prctl() -> Callable[..., int] | None:
    if sys.platform != "linux":
        return None
    import ctypes

    call: Callable[..., int] = ctypes.CDLL(None, use_errno=True).prctl
    return call


def describe_end(exit_code: int, last_words: str, shell: bool) -> tuple[str, str | None]:
    """Return the second half of a sentence about the end of a script, and the name of the signal that ended the script.

    Args:
        exit_code: the exit code of the script, negative for a signal.
        last_words: the last line that the script printed.
        shell: whether a shell ran the command. A shell reports a signal as an exit code above 128.
    """
    number = -exit_code if exit_code < 0 else exit_code - SHELL_SIGNAL if shell and exit_code > SHELL_SIGNAL else 0
    said = f": {last_words}" if last_words else ""
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"failed with exit code {exit_code}{said}", None
    reason = SIGNALS.get(signal.Signals(number))
    return f"was ended by signal {name}{f' ({reason})' if reason else ''}{said}", name
