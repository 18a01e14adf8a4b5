"""A signal handler that raises at any place in the code does not change how a run ends."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
from interrupting import EXCEPTIONS, Interrupts, Own
from open_files import targets

from bridge import Workspace
from bridge.launch import output
from bridge.launch.ending import Ending
from bridge.launch.launcher import Launcher
from bridge.launch.process import ScriptProcess
from bridge.launch.signals import Signals
from bridge.records.run import SCRIPT_RUN, RunRecord
from bridge.store.one_run import create_run

FILES = ("/launch/launcher.py", "/launch/ending.py", "/launch/output.py")
PRINTED = b"first\n" + b"x" * 100_000 + b"\nlast\n"
ENDING = Ending("Failed", "UserError", "it diverged")


def pipes() -> int:
    """Return the number of open pipes of this process; other open files belong to other workspaces."""
    return sum(target.startswith("pipe:") for target in targets())


def end_interrupted(workspace: Workspace, run_id: str, interrupts: Interrupts) -> None:
    """End a run whose script has printed, with an exception at one place; then end it again."""
    opened = workspace.stores
    record = RunRecord(run_id, "0", status="Finalizing", type=SCRIPT_RUN, start_time=1)
    create_run(opened.tracking, record)
    signals = Signals()
    launcher = Launcher(opened, record, signals)
    os.write(launcher._output.pipe, PRINTED)
    try:
        with interrupts:
            launcher._end(ENDING)
    except EXCEPTIONS as error:
        assert type(error) is interrupts.error
    place = f"{interrupts.error.__name__} at {interrupts.where}"
    assert launcher._end(ENDING) == "Failed", place
    signals.close()
    run = workspace.get_run(record.id)
    error = {"code": "UserError", "message": "it diverged"}
    assert (run.status, run.warnings, run.error) == ("Failed", (), error), place
    kept = b"".join(opened.artifacts.get(record.artifact_root, "user_logs/std_log.txt"))
    assert kept == PRINTED + b"it diverged\n", place


@pytest.mark.slow
def test_an_exception_anywhere_in_the_end_of_a_launcher_loses_nothing(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WAIT_SECONDS", "PAUSE_SECONDS", "LAST_SECONDS"):
        monkeypatch.setattr(output, name, 0.01)
    end_interrupted(workspace, "warm", Interrupts(FILES, None))
    before = pipes()
    for error in EXCEPTIONS:
        interrupts, at = Interrupts(FILES, None), 0
        while interrupts.count == at:  # until a call completes
            interrupts = Interrupts(FILES, at, error)
            end_interrupted(workspace, f"{error.__name__}-{at}", interrupts)
            at += 1
        assert at > 20
    assert [one.name for one in threading.enumerate() if one.name.endswith("-output")] == []
    end = time.monotonic() + 20
    while pipes() > before and time.monotonic() < end:  # another thread of this process may have a pipe for a moment
        time.sleep(0.05)
    assert pipes() <= before


@pytest.mark.processes
@pytest.mark.parametrize("error", EXCEPTIONS)
def test_a_second_call_stops_a_script_wherever_the_first_was_interrupted(
    tmp_path: Path, error: type[BaseException]
) -> None:
    interrupts, at = Interrupts((), None), 0
    while interrupts.count == at:
        with open(os.devnull, "wb") as nowhere:
            process = ScriptProcess(["sleep", "600"], tmp_path, {"BRIDGE_RUN_ID": "r"}, nowhere.fileno())
        interrupts = Interrupts(("/launch/process.py",), at, error)
        try:
            with interrupts:
                process.stop()
        except EXCEPTIONS as raised:
            assert type(raised) is error
        process.stop()
        assert process.exit_code is not None and not process.left_behind(), interrupts.where
        at += 1
    assert at > 8


def test_after_an_unexpected_exception_the_run_is_ended_again(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`Launcher.run` does this. It gets no KeyboardInterrupt, because the launcher handles the signal itself."""
    record = RunRecord("r1", "0", status="Preparing", type=SCRIPT_RUN, start_time=1)
    create_run(workspace.stores.tracking, record)
    launcher = Launcher(workspace.stores, record, Signals())
    told = launcher._store_ending
    raised = [Own("once")]

    def fail_once(ending: Ending) -> bool:
        if raised:
            raise raised.pop()
        return told(ending)

    monkeypatch.setattr(launcher, "_store_ending", fail_once)
    assert launcher.run() == "Failed"  # the run has no definition
    assert workspace.get_run("r1").status == "Failed"
