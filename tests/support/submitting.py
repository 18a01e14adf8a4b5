"""Functions that wait for other processes, and find them, for tests of submitted scripts."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
from both_places import address_of

from bridge import InvalidState, Workspace
from bridge.handles.script_run import ScriptRun
from bridge.store.one_run import create_run

Submit = Callable[..., ScriptRun]


def until(what: Callable[[], object], seconds: float = 60.0, shown: Callable[[], object] = str) -> None:
    """Wait until a condition is true. If it stays false, the error contains what `shown` returns."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, f"it is not so after {seconds:g} s: {shown()}"
        time.sleep(0.02)


def log_of(run: ScriptRun) -> str:
    """Return the output of a run's script up to now."""
    return str(run.get_details_with_logs()["logFiles"].get("user_logs/std_log.txt", ""))


def lines_of(run: ScriptRun, count: int = 1) -> str:
    """Wait for a number of complete lines of a script, and return its output. A line may arrive in several pieces."""
    until(lambda: (log := log_of(run)).endswith("\n") and log.count("\n") >= count)
    return log_of(run)


def processes_of(run: ScriptRun) -> list[psutil.Process]:
    """Return the launcher of a run; None if there is none."""
    return [process for process in psutil.process_iter() if run.id in _words(process)]


def launcher_of(run: ScriptRun) -> psutil.Process:
    """Return the launcher of a run."""
    return processes_of(run)[0]


def is_gone(pid: int) -> bool:
    """Return whether a process no longer exists, or is a zombie."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def launcher(workspace: Workspace | Path, run_id: str) -> list[str]:
    """Return the command that a scheduler starts for a run."""
    place = workspace if isinstance(workspace, Path) else address_of(workspace)
    return [sys.executable, "-m", "bridge.launch.launcher", str(place), run_id]


def queued(submit: Submit, workspace: Workspace, code: str, run_id: str = "queued") -> ScriptRun:
    """Create a run of a script whose launcher has not been started yet."""
    first = submit(code)  # for its snapshot
    with suppress(InvalidState):
        first.cancel()
    first.clean()
    record = first.place.record()
    definition = json.loads(record.definition or "")
    folder = Path(definition["workingDirectory"]).with_name(run_id)
    definition["workingDirectory"] = str(folder)
    record = replace(
        record,
        id=run_id,
        status="Queued",
        error=None,
        start_time=time.time_ns() // 1_000_000,
        end_time=None,
        definition=json.dumps(definition),
    )
    create_run(workspace.stores.tracking, record)
    run = workspace.get_run(run_id)
    assert isinstance(run, ScriptRun)
    return run


def _words(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []
