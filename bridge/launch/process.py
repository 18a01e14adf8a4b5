"""The process of a script: started, watched, stopped, and how it ended in words."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

GRACE_SECONDS = 5.0
"""How long a script may take to end when it is asked to."""
LEFT_BEHIND_SECONDS = 1.0
"""The same for processes that a script has left behind in its group."""
SHELL_SIGNAL = 128
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36

SIGNALS = {
    signal.SIGSEGV: "it touched memory that is not its own",
    signal.SIGKILL: "somebody killed it, or the kernel did because memory ran out",
    signal.SIGABRT: "it gave up, as native libraries do",
    signal.SIGBUS: "a file or memory that it used was gone",
    signal.SIGILL: "it uses instructions that this processor does not have",
    signal.SIGXCPU: "it used more processor time than its limit allows",
}


class ScriptProcess:
    """A command that runs in a session and process group of its own, and that dies with this process (on Linux).

    Args:
        command: the program and its arguments.
        folder: where it works.
        environment: all of its environment variables.
        output: the file descriptor that takes both its output and its errors.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[str, str], output: int) -> None:
        with warnings.catch_warnings():
            # That other threads are there at the fork is known: what is done before exec takes no locks.
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
        """The exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    def stop(self, wait: Callable[[float], object] = time.sleep) -> None:
        """Ask the whole group to end, and kill it after a while."""
        descendants = _descendants(self._run_id)
        self._end_group(GRACE_SECONDS, wait)
        for pid in descendants:  # those that left the group
            _kill(os.kill, pid, signal.SIGKILL)
        self._process.wait()

    def end_those_left(self, wait: Callable[[float], object] = time.sleep) -> None:
        """End what the script has left behind in its group."""
        self._end_group(LEFT_BEHIND_SECONDS, wait)

    def left_behind(self) -> list[int]:
        """The processes that the script has started and that are still there; none where they cannot be found."""
        return _descendants(self._run_id)

    def _end_group(self, grace_seconds: float, wait: Callable[[float], object]) -> None:
        end = time.monotonic() + grace_seconds
        if _kill(os.killpg, self.pid, signal.SIGTERM):
            # A stopped process takes the signal when it goes on.
            _kill(os.killpg, self.pid, signal.SIGCONT)
        while self._group_is_there() and time.monotonic() < end:
            wait(0.02)
        _kill(os.killpg, self.pid, signal.SIGKILL)

    def _group_is_there(self) -> bool:
        if self.exit_code is None:
            return True
        try:  # those that it left behind are this process's children now, if it adopts them
            while os.waitpid(-self.pid, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
        return _kill(os.killpg, self.pid, 0)


def _kill(send: Callable[[int, int], None], pid: int, number: int) -> bool:
    """Whether there was somebody to send a signal to."""
    try:
        send(pid, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # it has become another user's
        return False
    return True


def _descendants(run_id: str) -> list[int]:
    """The processes below this one that belong to a run: not the launchers that its script has started."""
    import psutil

    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if process.environ().get("BRIDGE_RUN_ID") == run_id and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except psutil.Error:  # it has ended, or become another user's
            continue
    return found


def end_children() -> None:
    """Ask all processes below this one to end; not its group, which may have others where a scheduler started it."""
    import psutil

    for process in psutil.Process().children(recursive=True):
        _kill(os.kill, process.pid, signal.SIGTERM)


def adopt_orphans() -> None:
    """Become the parent of processes whose parents end, on Linux: so none of a script's is lost sight of."""
    prctl = _prctl()
    if prctl is not None:
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _dies_with_this_process() -> Callable[[], None] | None:
    """What the child does between fork and exec; loaded before, for another thread may hold the import lock then."""
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
    """How a script ended, as the second half of a sentence, and the signal that ended it.

    Args:
        exit_code: negative for a signal.
        last_words: what the script said of it.
        shell: a shell ran the command, and says signals its own way.
    """
    number = -exit_code if exit_code < 0 else exit_code - SHELL_SIGNAL if shell and exit_code > SHELL_SIGNAL else 0
    said = f": {last_words}" if last_words else ""
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"failed with exit code {exit_code}{said}", None
    reason = SIGNALS.get(signal.Signals(number))
    return f"was ended by signal {name}{f' ({reason})' if reason else ''}{said}", name
