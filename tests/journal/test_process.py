"""A process knows its own boot, namespaces and start time, and determines whether another one runs without guessing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bridge.journal import process

pytestmark = pytest.mark.processes

UNSHARE = ("unshare",) if os.geteuid() == 0 else ("unshare", "--map-root-user")

SAY = """
import os
from bridge.journal.process import boot_id, machine_id, pid_namespace, start_time, time_namespace
print(os.getpid(), pid_namespace(), start_time(), time_namespace(), boot_id(), machine_id(), flush=True)
"""


def who_is(text: str) -> tuple[int, int, int, int]:
    """The process id, its namespace, the start time and the clock namespace, as `SAY` prints them."""
    pid, namespace, started, clock, *_ = text.split()
    return int(pid), int(namespace), int(started), int(clock)


def command_of(code: str, *before: str) -> list[str]:
    return [*before, sys.executable, "-c", code]


@pytest.fixture
def started(request: pytest.FixtureRequest):
    """Return a function that starts a process, which prints its identity and lives until it is killed."""
    children: list[subprocess.Popen[str]] = []

    def start(*before: str, code: str = SAY + "import time; time.sleep(60)") -> tuple[subprocess.Popen[str], str]:
        child = subprocess.Popen(command_of(code, *before), stdout=subprocess.PIPE, text=True, start_new_session=True)
        children.append(child)
        assert child.stdout is not None
        return child, child.stdout.readline()

    yield start
    for child in children:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        if child.stdout is not None:
            child.stdout.close()


def test_a_process_runs_until_it_is_killed(started):
    child, said = started()
    assert process.is_running(*who_is(said)) is True
    child.kill()
    child.wait()
    assert process.is_running(*who_is(said)) is False


def test_a_zombie_process_does_not_run(started):
    child, said = started()
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert Path(f"/proc/{child.pid}/stat").exists()
    assert process.is_running(*who_is(said)) is False


def test_a_stopped_process_counts_as_running(started):
    child, said = started()
    child.send_signal(signal.SIGSTOP)
    assert process.is_running(*who_is(said)) is True


def test_a_process_keeps_its_identity_when_it_executes_another_program(started):
    again = SAY + "import time; time.sleep(60)"
    code = SAY + f"import sys\nos.execv(sys.executable, [sys.executable, '-c', {again!r}])"
    child, said = started(code=code)
    assert child.stdout is not None
    assert child.stdout.readline() == said
    assert process.is_running(*who_is(said)) is True


def test_a_later_process_with_the_same_id_is_another_process(started):
    _, said = started()
    pid, namespace, start, clock = who_is(said)
    assert process.is_running(pid, namespace, start - 1, clock) is False


def test_a_process_in_another_process_namespace_is_unknown(started):
    _, said = started(*UNSHARE, "--pid", "--fork", "--mount-proc")
    pid, namespace, start, clock = who_is(said)
    assert pid == 1
    assert namespace not in (0, process.pid_namespace())
    assert process.is_running(pid, namespace, start, clock) is None


def test_a_process_in_another_clock_namespace_can_be_known_dead_but_not_running(started):
    """Start times are shifted in another clock namespace, so they cannot be compared."""
    child, said = started(*UNSHARE, "--time", "--boottime", "5000")
    pid, namespace, start, clock = who_is(said)
    assert clock not in (0, process.time_namespace())
    assert start > process.start_time(pid) > 0
    assert process.is_running(pid, namespace, start, clock) is None
    child.kill()
    child.wait()
    assert process.is_running(pid, namespace, start, clock) is False


def test_a_process_with_the_proc_of_another_namespace_knows_only_its_own_start(started):
    """`/proc/<pid>` belongs to another process there."""
    code = SAY + (
        "from bridge.journal.process import is_running\n"
        "child = os.fork()\n"
        "if child == 0: import time; time.sleep(60)\n"
        "print(is_running(child, pid_namespace(), start_time(), time_namespace()), flush=True)\n"
        "os.kill(child, 9); os.waitpid(child, 0)\n"
        "print(is_running(child, pid_namespace(), start_time(), time_namespace()), flush=True)\n"
    )
    child, said = started(*UNSHARE, "--pid", "--fork", code=code)
    pid, _, start, _ = who_is(said)
    assert pid == 1
    assert start >= process.start_time(child.pid)
    assert child.stdout is not None
    assert child.stdout.read().split() == ["None", "False"]


@pytest.mark.parametrize("number", [0, -1])
def test_a_number_that_is_not_a_process_id_is_unknown(number):
    known = process.pid_namespace(), process.start_time(), process.time_namespace()
    assert process.is_running(number, *known) is None


def test_missing_facts_about_a_process_are_not_guessed(started):
    child, said = started()
    pid, namespace, start, clock = who_is(said)
    assert process.is_running(pid, 0, start, clock) is None
    assert process.is_running(pid, namespace, 0, clock) is None
    assert process.is_running(pid, namespace, start, 0) is None


def test_a_forked_child_is_another_process(fork):
    own = process.start_time()
    child = fork(lambda say: (say(str(process.start_time())), time.sleep(60)))
    assert int(child.line()) > own


def test_two_processes_of_one_boot_agree_on_it_whatever_the_host_name_is(started):
    _, said = started(*UNSHARE, "--uts", "sh", "-c", 'hostname elsewhere; exec "$@"', "sh")
    boot, machine = said.split()[4:6]
    assert (boot, machine) == (process.boot_id(), process.machine_id())
    assert len(boot) == len(machine) == 32


@pytest.mark.parametrize(
    "text",
    ["", "uninitialized", "0" * 32, "3d1219c7c4c5404aaa1f6d2a48adfd", "3d1219c7c4c5404aaa1f6d2a48adfdzz"],
)
def test_an_invalid_id_is_not_accepted(monkeypatch, text):
    monkeypatch.setattr(process, "_read_text", lambda path: text)
    assert process.machine_id.__wrapped__() == ""
    assert process.boot_id.__wrapped__() == ""


def test_the_machine_id_is_not_disclosed(monkeypatch):
    own = "3d1219c7c4c5404aaa1f6d2a48adfda4"
    monkeypatch.setattr(process, "_read_text", lambda path: own)
    shown = process.machine_id.__wrapped__()
    assert len(shown) == 32
    assert own[:16] not in shown and own[16:] not in shown


def test_a_system_without_these_files_has_no_identity(monkeypatch):
    """macOS without `ctypes`, and a container without `/proc`, are such systems. No id is made up."""
    # The module's own `os`: other threads of this process use the real one. The files are no folders.
    without = SimpleNamespace(**{**vars(os), "stat": os.listdir, "path": SimpleNamespace(isdir=lambda path: False)})
    monkeypatch.setattr(process, "os", without)
    monkeypatch.setattr(process, "_read_text", lambda path: "")
    for ask in (process.boot_id, process.machine_id):
        assert ask.__wrapped__() == ""
    asks: tuple[Any, ...] = (process.pid_namespace, process.time_namespace, process._own_start)
    for ask in asks:
        assert ask.__wrapped__() == 0
