"""Forked children use none of the files, locks and connections of their parent."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge import Experiment, Run, Workspace

pytestmark = pytest.mark.processes

OUTLIVING = """
import os, sys, time
from bridge import Experiment, Workspace
workspace = Workspace.open(sys.argv[1])
experiment = Experiment(workspace, "forks")
run = experiment.start_logging(outputs=False, snapshot_directory=None)
run.log("a", 1)
assert run.get_metrics() == {"a": 1}
reading, writing = os.pipe()
if os.fork():
    os.close(writing)
    os.read(reading, 1)
    sys.exit()
run.tag("by", "child")
parent = os.getppid()
os.write(writing, b"1")
while os.getppid() == parent:
    time.sleep(0.02)
time.sleep(0.2)
own = experiment.start_logging(outputs=False, snapshot_directory=None)
for number in range(100):
    own.log("b", number)
own.tag("by", "child")
own.complete()
print(own.id, flush=True)
os._exit(0)
"""

IMPORTING = """
import os, signal, sys, time
from bridge import Experiment, Workspace
workspace = Workspace.open(sys.argv[1])
run = Experiment(workspace, "forks").start_logging(outputs=False, snapshot_directory=None)
start = time.time()
run.log("a", 1)
children = []
while len(children) < 12:
    if "bridge.store.fold" in sys.modules or time.time() - start > 1.5:
        child = os.fork()
        if not child:
            signal.alarm(30)  # ends one that hangs
            assert workspace.get_run(run.id).get_metrics() == {"a": 1}
            os._exit(0)
        children.append(child)
        time.sleep(0.02)
    time.sleep(0.0005)
print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children], flush=True)
"""


def run_script(script: str, workspace: Workspace) -> str:
    """Run a script with the folder of a workspace, and return its output."""
    command = [sys.executable, "-c", script, str(workspace.path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout.strip()


def test_a_child_that_outlives_its_parent_writes_into_the_workspace(workspace: Workspace):
    """SQLite stores in memory which locks a process has, so a child would take its parent's locks for its own."""
    run_id = run_script(OUTLIVING, workspace)
    reader = f"from bridge import *; run = Run.get(Workspace.open({str(workspace.path)!r}), {run_id!r});"
    shown = run_script(reader + "print(run.status, run.tags['by'], len(run.get_metrics()['b']))", workspace)
    assert shown == "Completed child 100"


def test_no_child_hangs_on_a_module_that_the_background_thread_was_importing(workspace: Workspace):
    codes = run_script(IMPORTING, workspace)
    assert codes == repr([0] * 12)


def test_a_run_that_is_started_while_another_thread_closes_the_workspace_keeps_its_owner(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    """The close happens between the transaction that creates the run and the lease in the journal."""
    import threading

    from bridge.store.journaled import JournaledStore

    opened = Workspace.open(workspace.path)
    hold_lease = JournaledStore.hold_lease

    def hold_after_a_close(store: JournaledStore, run_id: str) -> None:
        monkeypatch.setattr(JournaledStore, "hold_lease", hold_lease)
        closing = threading.Thread(target=opened.close)
        closing.start()
        closing.join()
        hold_lease(store, run_id)

    monkeypatch.setattr(JournaledStore, "hold_lease", hold_after_a_close)
    run = Experiment(opened, "closing").start_logging(outputs=False, snapshot_directory=None)
    run.log("a", 1)
    reader = f"from bridge import *; print(Run.get(Workspace.open({str(workspace.path)!r}), {run.id!r}).status)"
    assert run_script(reader, workspace) == "Running"
    run.complete()
    assert run.status == "Completed"


STRAY: dict[str, Callable[[Path], object]] = {
    "a folder": lambda folder: (folder / ("e" * 32 + ".log")).mkdir(),
    "a pipe": lambda folder: os.mkfifo(folder / ("e" * 32 + ".log")),
    "a link to itself": lambda folder: (folder / ("e" * 32 + ".log")).symlink_to("e" * 32 + ".log"),
    "a link to a device": lambda folder: (folder / ("e" * 32 + ".log")).symlink_to("/dev/zero"),
    "a name that is not UTF-8": lambda folder: Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe.log")).write_bytes(
        b"x"
    ),
    "a name without an id": lambda folder: (folder / ".log").write_bytes(b"x" * 500),
    "a pipe that looks like a leftover": lambda folder: os.mkfifo(folder / ".abc.part"),
    "somebody's log": lambda folder: (folder / "train.log").write_text("hello\n" * 100),
}


@pytest.mark.parametrize("stray", STRAY)
def test_a_stray_file_among_the_journals_stops_no_read(workspace: Workspace, stray: str, monkeypatch):
    monkeypatch.setattr("bridge.store.fold.SWEEP_SECONDS", 0.0)
    run = Experiment(workspace, "stray").start_logging(outputs=False, snapshot_directory=None)
    run.log("a", 1)
    STRAY[stray](workspace.path / "journal")
    assert run.get_metrics() == {"a": 1}
    assert Run.get(Workspace.open(workspace.path), run.id).status == "Running"
    run.complete()


def test_a_journal_that_another_program_truncates_is_abandoned_within_a_second(workspace: Workspace, caplog):
    """Records appended until then cannot be read; all later records can."""
    run = Experiment(workspace, "cut").start_logging(outputs=False, snapshot_directory=None)
    for number in range(100):
        run.log("a", number)
    (path,) = (workspace.path / "journal").glob("*.log")
    os.truncate(path, path.stat().st_size - 10)
    end = time.monotonic() + 10
    while "another process has changed journal" not in caplog.text:
        assert time.monotonic() < end
        time.sleep(0.05)
    for number in range(200, 300):
        run.log("a", number)
    assert run.get_metrics()["a"] == [*range(99), *range(200, 300)]
    run.complete()


def test_a_lack_of_descriptors_is_not_stored_as_an_unknown_boot(monkeypatch: pytest.MonkeyPatch):
    """Otherwise the run of such a process would stay Running for days after a kill."""
    import errno

    from bridge.journal import process
    from bridge.journal.system import CallFailed

    known = process.boot_id()
    process.boot_id.cache_clear()

    def too_many(*_: object) -> None:
        raise CallFailed(OSError(errno.EMFILE, os.strerror(errno.EMFILE)))

    with monkeypatch.context() as patch:
        patch.setattr(process, "system", too_many)
        with pytest.raises(CallFailed):
            process.boot_id()
    assert process.boot_id() == known != ""
