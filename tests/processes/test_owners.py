"""The owner of a run is identified by its process and boot, whatever its host name and wall clock are."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from namespaces import NEW_PID, NEW_TIME, become_host, within, without_flock
from stopping import stop

from bridge import Experiment, Run, Workspace
from bridge.journal.format import HEADER_SIZE, SUFFIX, decode_header, encode_end, encode_header
from bridge.store import background, fold, owned_runs, owners

pytestmark = pytest.mark.processes

WAIT_SECONDS = 30.0

Say = Callable[[str], None]


@pytest.fixture(autouse=True)
def sweeping(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check journals that have not grown every half second, not every five."""
    monkeypatch.setattr(fold, "SWEEP_SECONDS", 0.5)
    monkeypatch.setattr(fold, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(owned_runs, "RENEW_SECONDS", 0.3)


@pytest.fixture
def leases_of_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "LEASE_SECONDS", 1.0)
    monkeypatch.setattr(background, "FOLD_SECONDS", 0.2)  # the owner renews far more often, also on a busy machine


@pytest.fixture
def absent_after_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "ABSENT_SECONDS", 2.0)


def begin(workspace: Workspace) -> Run:
    """Start a run of this process, without a snapshot and outputs."""
    return Experiment(Workspace.open(workspace.path), "owners").start_logging(outputs=False, snapshot_directory=None)


def train(workspace: Workspace, say: Say, points: int = 10**6) -> None:
    """Start a run and log to it, until killed."""
    run = begin(workspace)
    say(run.id)
    for number in range(points):
        run.log("point", number)
        say(str(number))
        time.sleep(0.02)


def idle(workspace: Workspace, say: Say) -> None:
    """Start a run and log one point, then do nothing until killed."""
    train(workspace, say, points=1)
    time.sleep(60)


def wait_for(status: str, run: Run, seconds: float = WAIT_SECONDS) -> None:
    begun = time.monotonic()
    while run.status != status:
        assert time.monotonic() - begun < seconds, f"{run.status} after {seconds} s, not {status}"
        time.sleep(0.02)


def stays(status: str, run: Run, seconds: float = 2.5) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        run.get_metrics()
        assert run.status == status
        time.sleep(0.05)


def journals(workspace: Workspace) -> list[Path]:
    return sorted((workspace.path / "journal").glob("*" + SUFFIX))


def killed(child) -> None:
    child.kill()
    child.wait()


# Host names


def test_a_killed_process_of_a_host_with_another_name_fails_its_run(fork, workspace):
    """Every container has its own host name."""

    def write(say: Say) -> None:
        become_host("container")
        train(workspace, say)

    child = fork(write)
    run = Run.get(workspace, child.line())
    child.line()
    stays("Running", run)
    killed(child)
    wait_for("Failed", run)
    assert run.error and run.error["code"] == "OwnerGone"
    assert journals(workspace) == []


def test_a_host_that_changes_its_name_keeps_its_runs_and_ends_them(fork, workspace):
    def write(say: Say) -> None:
        become_host("before")
        begin(workspace).log("point", 1)
        become_host("after")
        train(workspace, say)

    child = fork(write)
    run = Run.get(workspace, child.line())
    child.line()
    stays("Running", run)
    killed(child)
    for one in Run.list(Experiment(workspace, "owners")):
        wait_for("Failed", one)
    assert journals(workspace) == []


def test_a_process_in_another_process_namespace_is_known_dead_by_its_lock(fork, workspace):
    child = fork(lambda say: within(NEW_PID, partial(train, workspace, say)))
    run = Run.get(workspace, child.line())
    child.line()
    stays("Running", run)
    killed(child)
    wait_for("Failed", run)
    assert journals(workspace) == []


# Other machines and boots


def begin_elsewhere(workspace: Workspace, **facts: str) -> None:
    """Change the process in the header of the only journal."""
    (path,) = journals(workspace)
    with path.open("r+b") as file:
        found = decode_header(file.read(HEADER_SIZE))
        assert found is not None
        file.seek(0)
        file.write(2 * encode_header(found[1]._replace(**facts)))  # type: ignore[arg-type]


def killed_elsewhere(fork, workspace: Workspace, **facts: str) -> Run:
    """Create a run of a killed process, and change its journal to that of another boot or machine."""
    child = fork(partial(train, workspace))
    run_id = child.line()
    child.line()
    begin_elsewhere(workspace, **facts)
    killed(child)
    return Run.get(workspace, run_id)


OTHER_BOOT, OTHER_MACHINE = "0123456789abcdef" * 2, "fedcba9876543210" * 2


def test_a_free_lock_of_another_machine_proves_nothing_even_with_our_host_name(
    fork, workspace, leases_of_a_second, absent_after_two_seconds
):
    """The lock may not be visible from this machine. A week of silence, two seconds in this test, ends the run."""
    run = killed_elsewhere(fork, workspace, boot_id=OTHER_BOOT, machine_id=OTHER_MACHINE)
    wait_for("NotResponding", run)
    assert len(journals(workspace)) == 1
    wait_for("Failed", run)
    assert run.error and run.error["code"] == "OwnerGone"
    run.get_metrics()
    assert journals(workspace) == []


def test_a_closing_record_of_another_machine_ends_its_run(fork, workspace):
    run = killed_elsewhere(fork, workspace, boot_id=OTHER_BOOT, machine_id=OTHER_MACHINE)
    stays("Running", run)
    (path,) = journals(workspace)
    at = path.stat().st_size
    with path.open("r+b") as file:
        found = decode_header(file.read(HEADER_SIZE))
        assert found is not None
        file.seek(at)
        file.write(encode_end(found[1].salt + at, found[1].journal_id, at))
    wait_for("Failed", run)
    assert journals(workspace) == []


def test_a_process_of_an_earlier_boot_of_this_machine_is_dead_after_a_minute_of_silence(fork, workspace, monkeypatch):
    """The minute is 1.4 seconds in this test. A cloned machine with the same id would write in that time."""
    monkeypatch.setattr(owners, "RENEW_SECONDS", 0.7)
    run = killed_elsewhere(fork, workspace, boot_id=OTHER_BOOT)
    stays("Running", run, 0.5)
    wait_for("Failed", run)
    assert journals(workspace) == []


@without_flock
def test_a_process_of_a_cloned_machine_keeps_its_run_while_it_lives(fork, workspace, monkeypatch):
    monkeypatch.setattr(owners, "RENEW_SECONDS", 0.7)
    child = fork(partial(idle, workspace))
    run_id = child.line()
    child.line()
    begin_elsewhere(workspace, boot_id=OTHER_BOOT)
    run = Run.get(workspace, run_id)
    stays("Running", run, 4)
    killed(child)
    wait_for("Failed", run)


def test_a_journal_with_an_unknown_writer_and_no_run_stays_for_a_week(fork, workspace, absent_after_two_seconds):
    """A run that MLflow's API created has no owner, so its journal is such a journal."""

    def write(say: Say) -> None:
        run = begin(workspace)
        run.place.stores.tracking.release_lease(run.id)
        run.log("point", 1)
        say(run.id)
        time.sleep(60)

    child = fork(write)
    run_id = child.line()
    begin_elsewhere(workspace, boot_id=OTHER_BOOT, machine_id=OTHER_MACHINE)
    killed(child)
    run = Run.get(workspace, run_id)
    stays("Running", run, 1)
    assert len(journals(workspace)) == 1
    time.sleep(1.5)
    assert run.get_metrics() == {"point": 1}
    assert (run.status, journals(workspace)) == ("Running", [])


# Processes that execute another program


def test_a_process_that_executes_another_program_keeps_its_run_until_it_ends(fork, workspace, leases_of_a_second):
    """A training may restart itself like this. The lock of its journal is free then."""

    def write(say: Say) -> None:
        run = begin(workspace)
        run.log("point", 1)
        say(run.id)
        os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(60)"])

    child = fork(write)
    run = Run.get(workspace, child.line())
    wait_for_program(child.pid)
    stays("Running", run, 4)
    assert run.get_metrics() == {"point": 1}
    killed(child)
    wait_for("Failed", run)
    assert run.error and run.error["code"] == "OwnerGone"
    assert journals(workspace) == []


def test_a_process_that_executes_itself_again_completes_its_run(fork, workspace):
    code = (
        "import sys\n"
        "from bridge import Run, Workspace\n"
        "run = Run.get(Workspace.open(sys.argv[1]), sys.argv[2])\n"
        "run.get_metrics()\n"
        "run.log('point', 2)\n"
        "run.complete()\n"
    )

    def write(say: Say) -> None:
        run = begin(workspace)
        run.log("point", 1)
        say(run.id)
        os.execv(sys.executable, [sys.executable, "-c", code, str(workspace.path), run.id])

    child = fork(write)
    run = Run.get(workspace, child.line())
    assert child.wait() == 0
    assert run.get_metrics() == {"point": [1, 2]}
    assert (run.status, run.error) == ("Completed", None)
    time.sleep(0.6)  # the interval of checks
    run.get_metrics()
    assert run.status == "Completed"
    assert journals(workspace) == []


def wait_for_program(pid: int) -> None:
    """Wait until a process has executed another program."""
    end = time.monotonic() + WAIT_SECONDS
    while b"time.sleep(60)" not in Path(f"/proc/{pid}/cmdline").read_bytes():
        assert time.monotonic() < end
        time.sleep(0.01)


# Clocks


def shift_wall_clock(seconds: float) -> None:
    """Change the wall clock of this process; files keep their clock."""
    real, real_ns = time.time, time.time_ns
    time.time = lambda: real() + seconds
    time.time_ns = lambda: real_ns() + int(seconds * 1e9)


@pytest.mark.parametrize("seconds", [86_400, -86_400])
def test_a_jump_of_a_readers_wall_clock_changes_no_status(fork, workspace, seconds):
    writer = fork(partial(train, workspace))
    run_id = writer.line()
    writer.line()

    def read(say: Say) -> None:
        run = Run.get(Workspace.open(workspace.path), run_id)
        for _ in range(20):
            run.get_metrics()
            say(run.status)
            time.sleep(0.05)
        shift_wall_clock(seconds)
        for _ in range(20):
            run.get_metrics()
            say(run.status)
            time.sleep(0.05)

    reader = fork(read)
    assert set(reader.rest()) == {"Running"}


@pytest.mark.parametrize("seconds", [86_400, -86_400])
def test_a_jump_of_the_owners_wall_clock_changes_no_status(fork, workspace, leases_of_a_second, seconds):
    def write(say: Say) -> None:
        run = begin(workspace)
        shift_wall_clock(seconds)
        say(run.id)
        time.sleep(60)

    child = fork(write)
    run = Run.get(workspace, child.line())
    stays("Running", run, 3)
    stop(child.pid, workspace)
    wait_for("NotResponding", run)
    child.kill(signal.SIGCONT)
    wait_for("Running", run)
    killed(child)
    wait_for("Failed", run)


@pytest.mark.parametrize("boot_seconds", [5_000, -5])
def test_the_silence_of_a_process_with_another_boot_clock_is_measured_by_file_times(
    fork, workspace, leases_of_a_second, boot_seconds
):
    def write(say: Say) -> None:
        def log() -> None:
            say(str(os.getpid()))
            idle(workspace, say)

        within(NEW_TIME, log, boot_seconds)

    child = fork(write)
    pid = int(child.line())
    run = Run.get(workspace, child.line())
    stays("Running", run, 3)
    stop(pid, workspace)
    wait_for("NotResponding", run)
    os.kill(pid, signal.SIGCONT)
    wait_for("Running", run)
    killed(child)
    wait_for("Failed", run)
    assert run.get_metrics() == {"point": 0}


def test_points_are_a_sign_of_life(fork, workspace, leases_of_a_second, monkeypatch):
    """A process that cannot renew its leases is not silent while it logs."""
    monkeypatch.setattr(owned_runs, "RENEW_SECONDS", 3600.0)
    child = fork(partial(train, workspace))
    run = Run.get(workspace, child.line())
    end = time.monotonic() + 3
    while time.monotonic() < end:
        child.line()
        assert run.status == "Running"


# Machines without `flock`


@without_flock
def test_without_locks_a_killed_process_fails_its_run(fork, workspace):
    child = fork(partial(train, workspace))
    run = Run.get(workspace, child.line())
    child.line()
    stays("Running", run)
    killed(child)
    wait_for("Failed", run)
    assert journals(workspace) == []


@without_flock
def test_without_locks_a_stopped_process_is_silent_and_never_fails_its_run(
    fork, workspace, leases_of_a_second, absent_after_two_seconds
):
    child = fork(partial(train, workspace))
    run = Run.get(workspace, child.line())
    child.line()
    stop(child.pid, workspace)
    wait_for("NotResponding", run)
    stays("NotResponding", run, 4)
    child.kill(signal.SIGCONT)
    wait_for("Running", run)


@without_flock
def test_an_unknown_process_fails_its_run_after_a_week(fork, workspace, leases_of_a_second, absent_after_two_seconds):
    """The week is two seconds in this test."""
    child = fork(lambda say: within(NEW_PID, partial(train, workspace, say)))
    run = Run.get(workspace, child.line())
    child.line()
    stays("Running", run, 4)
    killed(child)
    wait_for("NotResponding", run)
    wait_for("Failed", run)
    run.get_metrics()
    assert journals(workspace) == []


@without_flock
def test_a_process_that_resumes_after_its_run_was_failed_owns_it_again(
    fork, workspace, leases_of_a_second, absent_after_two_seconds
):
    def write(say: Say) -> None:
        def log() -> None:
            run = begin(workspace)
            say(run.id)
            for number in range(10**6):
                run.log("point", number)
                say(str(number))
                time.sleep(0.02)

        within(NEW_PID, log)

    child = fork(write)
    run = Run.get(workspace, child.line())
    child.line()
    (inner,) = children_of(child.pid)
    stop(inner, workspace)
    wait_for("Failed", run)
    wait_for_no_journals(workspace)
    os.kill(inner, signal.SIGCONT)
    wait_for("Running", run)
    assert (run.error, run.get_details().get("endTimeUtc")) == (None, None)
    killed(child)
    said = [line for line in child.rest() if line.isdigit()]
    wait_for("Failed", run)
    logged = run.get_series("point").values.tolist()
    assert logged == list(range(len(logged))) and len(logged) >= int(said[-1])


@without_flock
def test_a_process_that_resumes_completes_its_run_at_once(
    fork, workspace, leases_of_a_second, absent_after_two_seconds, tmp_path
):
    signs = tmp_path / "go"

    def write(say: Say) -> None:
        def log() -> None:
            run = begin(workspace)
            run.log("point", 1)
            say(run.id)
            while not signs.exists():
                time.sleep(0.001)
            run.complete()
            say(run.status)

        within(NEW_PID, log)

    child = fork(write)
    run = Run.get(workspace, child.line())
    (inner,) = children_of(child.pid)
    stop(inner, workspace)
    wait_for("Failed", run)
    wait_for_no_journals(workspace)
    signs.touch()
    os.kill(inner, signal.SIGCONT)
    assert child.line() == "Completed"
    assert run.get_metrics() == {"point": 1}
    assert (run.status, run.error) == ("Completed", None)


def test_a_process_whose_journal_was_deleted_owns_its_run_again_at_once(fork, workspace, monkeypatch):
    """It does not wait for the next renewal of leases."""
    monkeypatch.setattr(owned_runs, "RENEW_SECONDS", 3600.0)
    child = fork(partial(train, workspace))
    run = Run.get(workspace, child.line())
    child.line()
    stop(child.pid, workspace)
    run.get_metrics()
    for path in journals(workspace):
        path.unlink()
    wait_for("Failed", run)
    child.kill(signal.SIGCONT)
    wait_for("Running", run)
    assert run.error is None
    killed(child)
    wait_for("Failed", run)


def children_of(pid: int) -> list[int]:
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def wait_for_no_journals(workspace: Workspace) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while journals(workspace):
        assert time.monotonic() < end
        list(Run.list(Experiment(workspace, "owners")))
        time.sleep(0.05)
