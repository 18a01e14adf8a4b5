"""Launchers that are killed, signalled or out of resources at any moment leave no run open and no script alive."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from both_places import address_of
from longer import SCALE
from small_disk import filled, mounted_disk
from submitting import Submit, is_gone, launcher, log_of, processes_of, queued, until

from bridge import Experiment, ScriptRun, ScriptRunConfig, Workspace
from bridge.launch.launcher import OUTPUT_SECONDS
from bridge.records.run import CLAIMABLE_STATUSES, TERMINAL_STATUSES
from bridge.store.one_run import create_run

pytestmark = [pytest.mark.processes, pytest.mark.slow]

ROUNDS = 12 * SCALE
SCRIPT = """
import os, subprocess, sys, time
print("pid", os.getpid(), flush=True)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("pid", child.pid, flush=True)
time.sleep(0.5)
child.kill()
print("done", flush=True)
"""


def again(workspace: Workspace, first: ScriptRun, run_id: str) -> ScriptRun:
    """Create another run of the same script, which waits for a launcher."""
    record = first.place.record()
    definition = json.loads(record.definition or "")
    definition["workingDirectory"] = str(Path(definition["workingDirectory"]).with_name(run_id))
    now = time.time_ns() // 1_000_000
    create_run(workspace.stores.tracking, replace(record, id=run_id, start_time=now, definition=json.dumps(definition)))
    run = workspace.get_run(run_id)
    assert isinstance(run, ScriptRun)
    return run


def pids_of(run: ScriptRun) -> list[int]:
    *whole, _ = log_of(run).split("\n")  # the last line may be incomplete
    return [int(line.split()[1]) for line in whole if line.startswith("pid ")]


@pytest.mark.parametrize("seed", range(2))
def test_launchers_that_are_killed_at_any_moment_leave_no_run_open(
    submit: Submit, workspace: Workspace, seed: int
) -> None:
    chance = random.Random(seed)
    first = queued(submit, workspace, SCRIPT)
    for number in range(ROUNDS // 2):
        run = again(workspace, first, f"r{seed}-{number}")
        pause = chance.uniform(0, 1.6)
        process = subprocess.Popen(launcher(workspace, run.id), stderr=subprocess.DEVNULL)
        time.sleep(pause)
        process.kill()
        process.wait()
        said = f"seed {seed}, round {number}, killed after {pause:.3f} s"
        if run.status in CLAIMABLE_STATUSES:  # it had not claimed the run, so the next launcher does
            done = subprocess.run(launcher(workspace, run.id), timeout=60)
            assert (done.returncode, run.status) == (0, "Completed"), said
        else:
            until(lambda run=run: run.status in TERMINAL_STATUSES)
            assert run.status in ("Completed", "Failed"), said
            assert run.status == "Completed" or (run.error and run.error["code"] == "OwnerGone"), said
        until(lambda run=run: is_gone(pids_of(run)[0]) if pids_of(run) else True)
        for pid in pids_of(run)[1:]:  # on Linux the script dies with its launcher, but its own children do not
            if not is_gone(pid):
                os.kill(pid, signal.SIGKILL)
        assert log_of(run).count("done") == (1 if run.status == "Completed" else log_of(run).count("done")), said


CALLER = """
import sys
from bridge import Experiment, ScriptRunConfig, Workspace
experiment = Experiment(Workspace.open(sys.argv[1]), "submitted")
print("up", flush=True)
experiment.submit(ScriptRunConfig(sys.argv[2], script="train.py"))
"""


@pytest.mark.parametrize("seed", range(2))
def test_processes_that_are_killed_while_they_submit_leave_no_run_open(
    workspace: Workspace, source: Path, temporary: Path, seed: int
) -> None:
    """Either the launcher has claimed the run and ends it, or the run fails because its owner is dead."""
    chance = random.Random(seed)
    (source / "train.py").write_text("print('hello')")
    experiment = Experiment(workspace, "submitted")
    for number in range(ROUNDS):
        command = [sys.executable, "-c", CALLER, address_of(workspace), str(source)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None and process.stdout.readline() == b"up\n"
            pause = chance.uniform(0, 1.2)
            time.sleep(pause)
            process.kill()
        said = f"seed {seed}, round {number}, killed after {pause:.3f} s"
        until(lambda: all(run.status in TERMINAL_STATUSES for run in experiment.get_runs()))
        for run in experiment.get_runs():
            assert run.status == "Completed" or (run.error and run.error["code"] == "OwnerGone"), (said, run.error)
    assert list(experiment.get_runs())


@pytest.mark.parametrize("seed", range(2))
def test_launchers_that_are_signalled_at_any_moment_cancel_their_runs(
    submit: Submit, workspace: Workspace, seed: int
) -> None:
    chance = random.Random(seed)
    first = queued(submit, workspace, SCRIPT)
    for number in range(ROUNDS // 2):
        run = again(workspace, first, f"r{seed}-{number}")
        process = subprocess.Popen(launcher(workspace, run.id), stderr=subprocess.DEVNULL)
        pauses = [chance.uniform(0, 1.3), chance.uniform(0, 0.1), chance.uniform(0, 0.1)]
        for pause in pauses:
            time.sleep(pause)
            process.send_signal(chance.choice((signal.SIGTERM, signal.SIGINT, signal.SIGHUP)))
        said = f"seed {seed}, round {number}, signals after {pauses}"
        exit_code = process.wait(60)
        if run.status in CLAIMABLE_STATUSES:  # Python was still starting
            assert exit_code != 0, said
        else:
            assert (run.status, exit_code) in (("Canceled", 143), ("Completed", 0)), said
        assert all(is_gone(pid) for pid in pids_of(run)), said


HOSTILE = {
    "it closes its output": (
        "import os, time; print('hello', flush=True); os.close(1); os.close(2); time.sleep(0.5)", 0,
    ),
    "it forks and leaves": (
        "import os, time\n"
        "print('hello', flush=True)\n"
        "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        time.sleep(3)\n    os._exit(0)\n"
        "os.wait()\n", 1,
    ),
    "it forks and its parent goes on": (
        "import os, time\n"
        "print('hello', flush=True)\n"
        "if os.fork() == 0:\n    os.setsid(); os.close(0); os.close(1); os.close(2); time.sleep(3); os._exit(0)\n", 0,
    ),
    "it removes its folder": ("import os, shutil; print('hello', flush=True); shutil.rmtree(os.getcwd())", 0),
    "its output does not block": (
        "import fcntl, os; fcntl.fcntl(1, fcntl.F_SETFL, os.O_NONBLOCK); print('hello', flush=True)", 0,
    ),
    "it ignores every signal": (
        "import signal\n"
        "for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):\n"
        "    signal.signal(number, signal.SIG_IGN)\n"
        "print('hello', flush=True)\n", 0,
    ),
    "it has a hundred children": (
        "import os, time\n"
        "print('hello', flush=True)\n"
        "for _ in range(100):\n    if os.fork() == 0:\n        time.sleep(600)\n", 0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_script_that_exits_with_0_is_completed(submit: Submit, name: str) -> None:
    code, warnings = HOSTILE[name]
    begun = time.monotonic()
    run = submit(code)
    assert run.wait_for_completion(raise_on_error=False)["status"] == "Completed"
    assert time.monotonic() - begun < OUTPUT_SECONDS
    assert log_of(run) == "hello\n"
    assert len(run.warnings) == warnings, run.warnings
    until(lambda: not processes_of(run))


def test_a_script_that_ends_its_own_group_fails(submit: Submit) -> None:
    run = submit("import os, signal; print('hello', flush=True); os.killpg(0, signal.SIGKILL)")
    details = run.wait_for_completion(raise_on_error=False)
    assert (details["status"], details["error"]["error"]["signal"]) == ("Failed", "SIGKILL")
    assert log_of(run) == "hello\n"


def test_a_script_that_asks_its_launcher_to_end_is_canceled(submit: Submit) -> None:
    run = submit("import os, signal, time; print(os.getpid(), flush=True); os.kill(os.getppid(), 15); time.sleep(600)")
    assert run.wait_for_completion()["status"] == "Canceled"
    assert is_gone(int(log_of(run)))


def test_a_script_that_kills_its_launcher_fails(submit: Submit) -> None:
    run = submit("import os, signal, time; print(os.getpid(), flush=True); os.kill(os.getppid(), 9); time.sleep(600)")
    details = run.wait_for_completion(raise_on_error=False)
    assert (details["status"], details["error"]["error"]["code"]) == ("Failed", "OwnerGone")


def test_a_daemon_that_writes_to_an_output_file_without_pause_does_not_delay_the_end(submit: Submit) -> None:
    writes = "f = open('outputs/endless', 'ab', 0)\nwhile True: f.write(bytes(1 << 20))"
    run = submit(
        f"""
        import subprocess, sys, time
        quiet = {{"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}}
        child = subprocess.Popen([sys.executable, "-c", {writes!r}], **quiet)
        print("pid", child.pid, flush=True)
        time.sleep(0.2)
        """
    )
    try:
        until(lambda: run.status == "Completed")
    finally:
        for pid in pids_of(run):
            os.kill(pid, signal.SIGKILL)
    until(lambda: not processes_of(run))


@pytest.mark.parametrize("free", [0, 40_000, 200_000])
def test_a_full_disk_when_a_launcher_starts_leaves_every_run_with_a_correct_status(
    source: Path, temporary: Path, tmp_path: Path, free: int
) -> None:
    """The launcher waits until it can write, or ends. The run can then still be claimed, or has ended."""
    with mounted_disk(tmp_path / "disk", 3) as disk:
        workspace = Workspace.create("full", path=disk / "workspace")
        (source / "train.py").write_text("print('hello')")
        experiment = Experiment(workspace, "full")
        first = experiment.submit(ScriptRunConfig(source, script="train.py"))
        first.wait_for_completion()
        record = first.place.record()
        definition = json.loads(record.definition or "")
        definition["workingDirectory"] = str(Path(definition["workingDirectory"]).with_name("r1"))
        now = time.time_ns() // 1_000_000
        waiting = replace(
            record, id="r1", status="Queued", start_time=now, end_time=None, definition=json.dumps(definition)
        )
        create_run(workspace.stores.tracking, waiting)
        with filled(disk, free):
            process = subprocess.Popen(launcher(workspace, "r1"), stderr=subprocess.PIPE, text=True)
            time.sleep(3)
            assert process.poll() is None or free, process.communicate()
        said = process.communicate(timeout=60)[1]
        run = workspace.get_run("r1")
        assert (process.returncode, run.status) == (0, "Completed"), (said, run.error)
        assert b"".join(workspace.stores.artifacts.get(run.place.record().artifact_root, "user_logs/std_log.txt")) == (
            b"hello\n"
        )
        workspace.stores.tracking.close()
