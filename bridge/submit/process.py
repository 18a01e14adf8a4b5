"""The process of a script: started, watched, stopped, and how it ended in words."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

GRACE_SECONDS = 5.0
"""How long a script may take to end when it is asked to."""
LEFT_BEHIND_SECONDS = 1.0
"""The same for processes that a script has left behind in its group."""
SHELL_SIGNAL = 128

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
        self.pid = self._process.pid
        self.begun = time.monotonic()

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    def stop(self, wait: Callable[[float], object] = time.sleep) -> None:
        """Ask the whole group to end, and kill it after a while."""
        descendants = _descendants(self.pid)
        self._end_group(GRACE_SECONDS, wait)
        for pid in descendants:  # those that left the group
            _kill(os.kill, pid, signal.SIGKILL)
        self._process.wait()

    def end_those_left(self, wait: Callable[[float], object] = time.sleep) -> None:
        """End what the script has left behind in its group."""
        self._end_group(LEFT_BEHIND_SECONDS, wait)

    def _end_group(self, grace_seconds: float, wait: Callable[[float], object]) -> None:
        end = time.monotonic() + grace_seconds
        if _kill(os.killpg, self.pid, signal.SIGTERM):
            # A stopped process takes the signal when it goes on.
            _kill(os.killpg, self.pid, signal.SIGCONT)
        while (self.exit_code is None or _kill(os.killpg, self.pid, 0)) and time.monotonic() < end:
            wait(0.02)
        _kill(os.killpg, self.pid, signal.SIGKILL)


def _kill(send: Callable[[int, int], None], pid: int, number: int) -> bool:
    """Whether there was somebody to send a signal to."""
    try:
        send(pid, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # it has become another user's
        return False
    return True


def _descendants(pid: int) -> list[int]:
    import psutil

    try:
        return [process.pid for process in psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return []


def _dies_with_this_process() -> Callable[[], None] | None:
    """What the child does between fork and exec; loaded before, for another thread may hold the import lock then."""
    if sys.platform != "linux":
        return None
    import ctypes

    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent, set_parent_death_signal, kill = os.getpid(), 1, int(signal.SIGKILL)

    def ask() -> None:
        prctl(set_parent_death_signal, kill)
        if os.getppid() != parent:
            os._exit(SHELL_SIGNAL + kill)

    return ask


def describe_end(exit_code: int, last_line: str, shell: bool) -> tuple[str, str | None]:
    """How a script ended, as the second half of a sentence, and the signal that ended it.

    Args:
        exit_code: negative for a signal.
        last_line: what the script printed last.
        shell: a shell ran the command, and says signals its own way.
    """
    number = -exit_code if exit_code < 0 else exit_code - SHELL_SIGNAL if shell and exit_code > SHELL_SIGNAL else 0
    said = f": {last_line}" if last_line else ""
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"failed with exit code {exit_code}{said}", None
    reason = SIGNALS.get(signal.Signals(number))
    return f"was ended by signal {name}{f' ({reason})' if reason else ''}{said}", name
