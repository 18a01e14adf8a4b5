"""A log call waits for no other process: its only system calls append to the journal of its own process."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bridge import Workspace

CALLS = 2_000

MEMORY = {"brk", "madvise", "mmap", "mremap", "munmap"}
"""System calls that Python makes at any time to get memory. They wait for no other process."""

LOGS = """
import os, sys
from bridge import Experiment, Workspace
from bridge.store import background

background.FOLD_SECONDS = float(sys.argv[2])
run = Experiment(Workspace.open(sys.argv[1]), "calls").start_logging(outputs=False, snapshot_directory=None)

def log(number):
    run.log("loss", number / 7, step=number)
    run.log("loss", number)
    run.log("new " + str(number % 100), number / 7)
    run.log("text", "a text")
    run.log_row("table", x=1.0, y=2.0)

log(0)  # the first calls load modules
os.path.exists("/first mark")
for number in range(1, int(sys.argv[3]) + 1):
    log(number)
os.path.exists("/last mark")
os._exit(0)
"""


def system_calls(tmp_path: Path, fold_seconds: float) -> list[str]:
    """Return the system calls that the log calls of a process make in the thread that logs."""
    Workspace.create("work", path=tmp_path / "work").close()
    trace = tmp_path / "trace"
    program = [sys.executable, "-c", LOGS, str(tmp_path / "work"), str(fold_seconds), str(CALLS)]
    subprocess.run(["strace", "-f", "-y", "-o", str(trace), *program], check=True, timeout=200)
    lines = trace.read_text(encoding="utf-8", errors="replace").splitlines()
    first, last = (next(at for at, line in enumerate(lines) if f"/{mark} mark" in line) for mark in ("first", "last"))
    thread = lines[first].split()[0]
    calls = [line.split(maxsplit=1)[1] for line in lines[first + 1 : last] if line.split()[0] == thread]
    return [call for call in calls if not call.startswith("<... ")]  # the second half of a call


def names(calls: list[str]) -> set[str]:
    return {found[0] for call in calls if (found := re.match(r"\w+", call))}


@pytest.mark.processes
def test_a_log_call_only_appends_to_its_own_journal(tmp_path: Path) -> None:
    calls = system_calls(tmp_path, 3600.0)
    writes = [call for call in calls if call.startswith("write(")]
    assert len(writes) == 5 * CALLS
    files = [re.match(r"write\((\d+<[^>]*/journal/[^>]*\.log>)", call) for call in writes]
    assert len({found and found[1] for found in files}) == 1 and files[0]
    assert names(calls) <= {"write", *MEMORY}


@pytest.mark.processes
def test_a_log_call_waits_only_for_threads_of_its_own_process_while_the_background_thread_folds(tmp_path: Path) -> None:
    calls = system_calls(tmp_path, 0.01)
    assert names(calls) <= {"write", "futex", *MEMORY}
    waits = [call for call in calls if call.startswith("futex(")]
    assert waits, "the background thread has not folded"
    assert all("_PRIVATE" in call for call in waits)  # such a futex does not exist for other processes
