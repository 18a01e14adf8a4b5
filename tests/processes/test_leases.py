"""The next reader ends a run whose process is dead, but not a run whose process is only silent."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stopping import stop

from bridge import AlreadyExists, Experiment, Run, Workspace
from bridge.journal import file
from bridge.store import fold, owned_runs, owners

pytestmark = pytest.mark.processes

WAIT_SECONDS = 30.0


@pytest.fixture(autouse=True)
def sweeping(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check journals that have not grown every second, not every five."""
    monkeypatch.setattr(fold, "SWEEP_SECONDS", 1.0)


def begin(workspace: Workspace) -> Run:
    """Start a run of this process, without a snapshot and outputs."""
    return Experiment(Workspace.open(workspace.path), "leases").start_logging(outputs=False, snapshot_directory=None)


def wait_for(status: str, run: Run, seconds: float = WAIT_SECONDS) -> float:
    """Wait until a run has a status, and return the duration."""
    begun = time.monotonic()
    while run.status != status:
        assert time.monotonic() - begun < seconds, f"{run.status} after {seconds} s, not {status}"
        time.sleep(0.02)
    return time.monotonic() - begun


def journals(workspace: Workspace) -> list[Path]:
    return sorted((workspace.path / "journal").glob("*.log"))


def log_until_killed(workspace: Workspace) -> Callable[[Callable[[str], None]], object]:
    def write(say: Callable[[str], None]) -> None:
        run = begin(workspace)
        say(run.id)
        for number in range(10**9):
            run.log("point", number)
            say(str(number))
            if number > 20:
                time.sleep(0.01)

    return write


def killed_run(fork, workspace: Workspace) -> str:
    """Create a run whose process is killed after its first point, and return its id."""
    child = fork(log_until_killed(workspace))
    run_id = child.line()
    child.line()
    child.kill()
    assert child.wait() == -signal.SIGKILL
    return run_id


def test_a_run_whose_process_is_killed_fails_soon_with_the_reason_and_loses_no_point(fork, workspace):
    """It fails within 2.5 seconds. Other programs may use the processors, so the fastest of up to five kills counts."""
    seconds: list[float] = []
    while not seconds or (min(seconds) >= 2.5 and len(seconds) < 5):
        seconds.append(until_a_killed_run_fails(fork, workspace))
    assert min(seconds) < 2.5


def until_a_killed_run_fails(fork, workspace: Workspace) -> float:
    """Kill a process, check that its run has failed and has all points, and return how long that took."""
    child = fork(log_until_killed(workspace))
    run = Run.get(workspace, child.line())
    while run.get_metrics().get("point", 0) in (0, 1):
        pass
    assert run.status == "Running"
    child.kill()
    said = len(child.rest())
    assert child.wait() == -signal.SIGKILL

    seconds = wait_for("Failed", run)
    assert run.error and run.error["code"] == "OwnerGone"
    assert run.error and run.error["message"].startswith("owner gone since ")
    logged = run.get_series("point").values.tolist()
    assert logged == list(range(len(logged))) and len(logged) >= said
    details = run.get_details()
    assert details["endTimeUtc"] >= details["startTimeUtc"]
    assert journals(workspace) == []
    return seconds


def test_every_kind_of_read_shows_the_failed_status(fork, workspace):
    """The status, a search, the details and MLflow's API show it, each as the first read after the kill."""
    from mlflow import MlflowClient

    client = MlflowClient(workspace.get_mlflow_tracking_uri())
    looks: list[Callable[[Run], str]] = [
        lambda run: run.status,
        lambda run: next(iter(run.experiment.get_runs())).get_details()["status"],
        lambda run: client.get_run(run.id).info.status.title(),
        lambda run: client.search_runs([run.experiment.id])[0].info.status.title(),
    ]
    for look in looks:
        run = Run.get(workspace, killed_run(fork, workspace))
        begun = time.monotonic()
        while look(run) != "Failed":
            assert time.monotonic() - begun < WAIT_SECONDS
            time.sleep(0.05)


def test_the_first_read_of_a_status_in_a_process_is_correct(fork, workspace):
    run_id = killed_run(fork, workspace)
    code = (
        f"from bridge import Run, Workspace\nprint(Run.get(Workspace.open({str(workspace.path)!r}), {run_id!r}).status)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ended.stdout.split() == ["Failed"], ended.stderr


def test_a_run_has_a_lease_from_the_moment_it_exists(fork, workspace):
    """The process is killed right after it created the run, without a point, and at random moments of the call."""
    for attempt in range(20):

        def write(say: Callable[[str], None], at_once: bool = attempt == 0) -> None:
            say("")
            begin(workspace)
            os.kill(os.getpid(), signal.SIGKILL) if at_once else time.sleep(60)

        child = fork(write)
        child.line()
        if attempt:
            time.sleep(0.004 * attempt)
            child.kill()
        child.wait()
        child.close()
    runs = list(Run.list(Experiment(workspace, "leases")))
    assert runs
    for run in runs:
        wait_for("Failed", run)


def test_a_process_that_fails_to_start_a_run_does_not_take_its_lease(fork, workspace):
    """All ranks of one job try to start the run that the job names."""

    def first(say: Callable[[str], None]) -> None:
        run = Experiment(workspace, "leases").start_logging(run_id="job", outputs=False, snapshot_directory=None)
        say(run.id)
        time.sleep(60)

    def second(say: Callable[[str], None]) -> None:
        time.sleep(0.01)
        with pytest.raises(AlreadyExists):
            Experiment(workspace, "leases").start_logging(run_id="job", outputs=False, snapshot_directory=None)
        say("refused")
        os.kill(os.getpid(), signal.SIGKILL)

    owner = fork(first)
    run = Run.get(workspace, owner.line())
    for _ in range(5):
        other = fork(second)
        assert other.line() == "refused"
        other.wait()
    end = time.monotonic() + 2
    while time.monotonic() < end:
        run.get_metrics()
        assert run.status == "Running"
        time.sleep(0.1)
    owner.kill()
    owner.wait()
    wait_for("Failed", run)


def test_children_and_their_parent_fail_with_their_process(fork, workspace):
    def write(say: Callable[[str], None]) -> None:
        parent = begin(workspace)
        parent.create_children(3)
        parent.child_run().complete()
        say(parent.id)
        time.sleep(60)

    child = fork(write)
    parent = Run.get(workspace, child.line())
    assert sorted(one.status for one in parent.get_children()) == ["Completed", "Running", "Running", "Running"]
    child.kill()
    child.wait()
    wait_for("Failed", parent)
    assert sorted(one.status for one in parent.get_children()) == ["Completed", "Failed", "Failed", "Failed"]


def test_a_stopped_process_never_fails_its_run_and_is_shown_as_silent_until_it_continues(fork, workspace, monkeypatch):
    monkeypatch.setattr(owners, "LEASE_SECONDS", 2.0)
    monkeypatch.setattr(owned_runs, "RENEW_SECONDS", 0.5)
    child = fork(log_until_killed(workspace))
    run = Run.get(workspace, child.line())
    end = time.monotonic() + 4
    while time.monotonic() < end:
        assert run.status == "Running"
        run.get_metrics()
        time.sleep(0.1)
    stop(child.pid, workspace)
    assert wait_for("NotResponding", run, 20) > 0.5

    from mlflow import MlflowClient

    assert MlflowClient(workspace.get_mlflow_tracking_uri()).get_run(run.id).info.status == "RUNNING"
    time.sleep(2)  # longer than the interval of checks
    assert run.status == "NotResponding"
    child.kill(signal.SIGCONT)
    wait_for("Running", run)
    child.kill()
    child.wait()
    wait_for("Failed", run)


def test_a_process_that_logs_nothing_keeps_owning_its_run(fork, workspace, monkeypatch):
    monkeypatch.setattr(owners, "LEASE_SECONDS", 2.0)
    monkeypatch.setattr(owned_runs, "RENEW_SECONDS", 0.5)

    def write(say: Callable[[str], None]) -> None:
        say(begin(workspace).id)
        time.sleep(60)

    child = fork(write)
    run = Run.get(workspace, child.line())
    end = time.monotonic() + 6
    while time.monotonic() < end:
        assert run.status == "Running"
        time.sleep(0.1)


def test_a_run_outlives_the_journals_of_its_process(fork, workspace, monkeypatch):
    """A full journal is closed only when the store has the leases of the next one."""
    monkeypatch.setattr(file, "JOURNAL_BYTES", 4_000)

    def write(say: Callable[[str], None]) -> None:
        run = begin(workspace)
        say(run.id)
        for number in range(20_000):
            run.log("point", number)
            if number % 100 == 0:
                time.sleep(0.01)
        say("logged")
        time.sleep(2.5)
        say("settled")
        time.sleep(60)

    child = fork(write)
    run = Run.get(workspace, child.line())
    seen: set[Any] = set()
    logged: object = 0
    while not isinstance(logged, list) or len(logged) < 20_000:
        assert run.status == "Running"
        logged = run.get_metrics().get("point")
        seen.update(path.name for path in journals(workspace))
    assert len(seen) > 10
    assert [child.line(), child.line()] == ["logged", "settled"]
    run.get_metrics()
    assert len(journals(workspace)) == 1
    assert run.status == "Running"
    child.kill()
    child.wait()
    wait_for("Failed", run)
    assert run.get_metrics()["point"] == list(range(20_000))


def test_a_run_outlives_a_journal_that_could_not_be_written(fork, workspace):
    """A full disk ends a journal in the middle of a record, and the next journal takes over the leases."""

    def write(say: Callable[[str], None]) -> None:
        run = begin(workspace)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        size = journals(workspace)[0].stat().st_size
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, before[1]))
        for number in range(10):
            run.log("point", number)
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        run.flush()
        say(run.id)
        run.log("point", 10)
        time.sleep(60)

    child = fork(write)
    run = Run.get(workspace, child.line())
    end = time.monotonic() + 3
    while time.monotonic() < end:
        assert run.status == "Running"
        assert run.get_metrics("point")["point"][:10] == list(range(10))
        time.sleep(0.2)
    child.kill()
    child.wait()
    wait_for("Failed", run)
    assert run.get_metrics()["point"] == list(range(11))


def test_a_deleted_journal_ends_its_runs(fork, workspace):
    child = fork(log_until_killed(workspace))
    run = Run.get(workspace, child.line())
    child.line()
    child.kill()
    child.wait()
    for path in journals(workspace):
        path.unlink()
    wait_for("Failed", run)
    assert run.error and run.error["code"] == "OwnerGone"


def test_a_run_left_open_is_completed_and_does_not_fail(workspace):
    code = (
        "import sys\n"
        "from bridge import Run, Experiment, Workspace\n"
        f"run = Experiment(Workspace.open({str(workspace.path)!r}), 'leases').start_logging(snapshot_directory=None)\n"
        "print(run.id)\n"
    )
    for first in ("", "import numpy\n", "from bridge import Workspace\n"):
        ended = subprocess.run([sys.executable, "-c", first + code], capture_output=True, text=True, timeout=60)
        run = Run.get(workspace, ended.stdout.strip())
        assert run.status == "Completed", (ended.stderr, run.error)
        run.get_metrics()
        assert (run.status, len(run.warnings)) == ("Completed", 1)


def test_a_run_is_ended_before_its_journal_is(workspace, tmp_path):
    """The system calls show that the last transaction of the database precedes the closing record."""
    trace = tmp_path / "trace"
    code = (
        "from bridge import Run, Experiment, Workspace\n"
        f"run = Experiment(Workspace.open({str(workspace.path)!r}), 'leases').start_logging(snapshot_directory=None)\n"
        "run.log('loss', 1.0)\n"
    )
    command = ["strace", "-f", "-y", "-e", "trace=write,pwrite64", "-o", str(trace), sys.executable, "-c", code]
    subprocess.run(command, check=True, timeout=120)
    lines = trace.read_text().splitlines()
    database = [at for at, line in enumerate(lines) if "workspace.db-wal>" in line]
    journal = [at for at, line in enumerate(lines) if "/journal/" in line]
    assert database[-1] < journal[-1]


def test_closing_a_store_releases_its_runs(fork, workspace):
    def write(say: Callable[[str], None]) -> None:
        run = begin(workspace)
        run.log("point", 1)
        run.place.stores.tracking.close()
        say(run.id)

    child = fork(write)
    run = Run.get(workspace, child.line())
    assert child.wait() == 0
    time.sleep(1.2)
    assert run.status == "Running"
    assert run.get_metrics() == {"point": 1}
    assert run.status == "Running"
    assert journals(workspace) == []


def test_a_forked_child_holds_no_lease(fork, workspace):
    """The end of the child does not fail the run, and a living child does not keep the run of a dead parent open."""

    def write(say: Callable[[str], None]) -> None:
        run = begin(workspace)
        run.log("point", 1)
        if os.fork() == 0:
            run.log("point", 2)
            os._exit(0)
        os.wait()
        grandchild = os.fork()
        if grandchild == 0:
            time.sleep(60)
            os._exit(0)
        say(run.id)
        say(str(grandchild))
        time.sleep(60)

    child = fork(write)
    run, grandchild = Run.get(workspace, child.line()), int(child.line())
    try:
        time.sleep(1.2)
        assert run.get_metrics() == {"point": [1, 2]}
        assert run.status == "Running"
        child.kill()
        child.wait()
        wait_for("Failed", run)
    finally:
        os.kill(grandchild, signal.SIGKILL)


def test_a_killed_process_of_a_workspace_with_durability_power_fails_its_run(fork, tmp_path):
    workspace = Workspace.create("power", path=tmp_path / "power", durability="power")
    child = fork(log_until_killed(workspace))
    run = Run.get(workspace, child.line())
    child.line()
    child.kill()
    said = len(child.rest())
    child.wait()
    wait_for("Failed", run)
    assert len(run.get_series("point").values) >= said


def test_of_sixteen_processes_only_the_killed_ones_runs_fail(fork, workspace):
    children = [fork(log_until_killed(workspace)) for _ in range(16)]
    runs = [Run.get(workspace, child.line()) for child in children]
    for child in children:
        child.line()
    for child in children[:8]:
        child.kill()
        child.wait()
    for run in runs[:8]:
        wait_for("Failed", run, 20)
    time.sleep(1.5)  # the interval of checks
    runs[0].get_metrics()
    assert {run.status for run in runs[8:]} == {"Running"}


def test_a_read_only_reader_changes_nothing(fork, workspace):
    run_id = killed_run(fork, workspace)
    code = (
        "import os\n"
        "os.access = lambda path, mode, **more: mode != os.W_OK\n"
        "from bridge import Run, Workspace\n"
        f"run = Run.get(Workspace.open({str(workspace.path)!r}), {run_id!r})\n"
        "print(run.status, run.get_metrics(), run.status)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ended.stdout.startswith("Running") and ended.stdout.rstrip().endswith("Running"), ended.stderr
    assert len(journals(workspace)) == 1
    wait_for("Failed", Run.get(workspace, run_id))


def test_a_run_created_through_mlflow_has_no_lease(fork, workspace):
    def write(say: Callable[[str], None]) -> None:
        from mlflow import MlflowClient

        client = MlflowClient(workspace.get_mlflow_tracking_uri())
        run = client.create_run("0")
        client.log_metric(run.info.run_id, "loss", 1.0)
        say(run.info.run_id)
        os.kill(os.getpid(), signal.SIGKILL)

    child = fork(write)
    run = Run.get(workspace, child.line())
    child.wait()
    time.sleep(1.2)
    assert run.get_metrics() == {"loss": 1.0}
    time.sleep(1.2)  # the interval of checks
    run.get_metrics()
    assert run.status == "Running"
