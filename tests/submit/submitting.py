"""What tests of submitted scripts share: waiting for other processes, and finding them."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil

from bridge.script_run import ScriptRun

Submit = Callable[..., ScriptRun]


def until(what: Callable[[], object], seconds: float = 20.0) -> None:
    """Return when something is so."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, f"it is not so after {seconds:g} s"
        time.sleep(0.02)


def log_of(run: ScriptRun) -> str:
    """What the script of a run has printed until now."""
    return str(run.get_details_with_logs()["logFiles"].get("user_logs/std_log.txt", ""))


def processes_of(run: ScriptRun) -> list[psutil.Process]:
    """The launcher of a run, if it is there."""
    return [process for process in psutil.process_iter() if run.id in _words(process)]


def launcher_of(run: ScriptRun) -> psutil.Process:
    """The launcher of a run."""
    return processes_of(run)[0]


def is_gone(pid: int) -> bool:
    """Whether there is no such process any more, or only its remains."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def _words(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []
