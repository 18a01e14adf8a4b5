"""Only one launcher can claim a run. A second launcher for it does nothing, and reports that."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from both_places import IN_BOTH_PLACES, address_of
from submitting import Submit, is_gone, launcher, launcher_of, lines_of, log_of, processes_of, queued, until

from bridge import Experiment, NotFound, ScriptRunConfig, Workspace
from bridge.records.run import RunChanges
from bridge.runs.script_runs import CANCEL_SECONDS
from bridge.store import fold, leases

pytestmark = pytest.mark.processes


@pytest.fixture
def background_looks_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within this time, only a read of a status checks the owners of runs."""
    monkeypatch.setattr(fold, "SWEEP_SECONDS", 3_600.0)


SLEEPS = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"


def launch(workspace: Workspace | Path, run_id: str) -> subprocess.CompletedProcess[str]:
    """Start a launcher as a scheduler does, and wait for its end."""
    return subprocess.run(launcher(workspace, run_id), capture_output=True, text=True, timeout=60)


def test_a_second_launcher_ends_without_a_change_and_reports_it(submit: Submit, workspace: Workspace) -> None:
    run = submit(SLEEPS)
    lines_of(run)
    before = run.place.record(), log_of(run), run.get_file_names()
    second = launch(workspace, run.id)
    assert (second.returncode, second.stdout) == (0, "")
    assert (
        second.stderr == f"This launcher does not start the run {run.id!r}: the run is Running, and has a launcher.\n"
    )
    assert (run.place.record(), log_of(run), run.get_file_names()) == before
    assert not is_gone(int(log_of(run)))
    run.cancel()
    assert run.status == "Canceled"


def test_of_many_launchers_that_start_at_once_only_one_runs_the_script(submit: Submit, workspace: Workspace) -> None:
    run = queued(submit, workspace, "import time; print('hello'); time.sleep(1)")
    launchers = [subprocess.Popen(launcher(workspace, run.id), stderr=subprocess.PIPE, text=True) for _ in range(4)]
    said = [process.communicate(timeout=60)[1] for process in launchers]
    assert [process.returncode for process in launchers] == [0] * 4
    assert sorted(map(bool, said)) == [False, True, True, True]
    assert (run.status, run.error, run.warnings, log_of(run)) == ("Completed", None, (), "hello\n")


def test_a_launcher_that_starts_after_the_end_does_not_change_the_run(submit: Submit, workspace: Workspace) -> None:
    run = submit("print('hello')")
    run.wait_for_completion()
    before = run.place.record()
    second = launch(workspace, run.id)
    assert (second.returncode, second.stderr) == (
        0,
        f"This launcher does not start the run {run.id!r}: the run is Completed, and has ended.\n",
    )
    assert run.place.record() == before


def test_a_launcher_does_not_change_a_run_without_a_script(workspace: Workspace) -> None:
    run = Experiment(workspace, "interactive").start_logging(outputs=False, snapshot_directory=None)
    done = launch(workspace, run.id)
    assert done.returncode == 0 and f"does not start the run {run.id!r}" in done.stderr
    assert run.status == "Running"
    run.complete()


@pytest.mark.parametrize(
    "code, status, exit_code",
    [("pass", "Completed", 0), ("raise SystemExit(7)", "Failed", 1), ("import bridge; 1 / 0", "Failed", 1)],
)
def test_the_exit_code_of_a_launcher_tells_how_its_run_ended(
    submit: Submit, workspace: Workspace, code: str, status: str, exit_code: int
) -> None:
    run = queued(submit, workspace, code)
    assert launch(workspace, run.id).returncode == exit_code
    assert run.status == status


@pytest.mark.parametrize("how", ["by a signal", "by its owner", "as failed"])
def test_the_exit_code_of_a_launcher_tells_how_another_process_ended_its_run(
    submit: Submit, workspace: Workspace, how: str
) -> None:
    run = queued(submit, workspace, "import time\nprint('up', flush=True)\ntime.sleep(0.1)\nimport sys")
    folder = Path(json.loads(run.place.record().definition or "")["workingDirectory"])
    process = subprocess.Popen(launcher(workspace, run.id))
    until(lambda: folder.exists())
    if how == "by a signal":
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
    elif how == "by its owner":
        run.cancel()
    else:
        run.fail("it diverged")
    assert process.wait(60) == (1 if how == "as failed" else 143)
    assert run.status == ("Failed" if how == "as failed" else "Canceled")


def test_a_launcher_that_cannot_open_the_workspace_reports_it(tmp_path: Path) -> None:
    done = launch(tmp_path / "gone", "r1")
    assert done.returncode == 1
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith("The run 'r1' is not started: There is no workspace")


def test_a_launcher_that_does_not_find_its_run_reports_it(workspace: Workspace) -> None:
    done = launch(workspace, "r1")
    assert (done.returncode, done.stderr) == (1, "The run 'r1' is not started: There is no run 'r1'.\n")


# Runs that no launcher claims


@pytest.mark.parametrize("look", ["status", "details", "search", "mlflow"])
def test_a_run_that_no_launcher_claims_fails_with_the_reason(
    submit: Submit, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, look: str
) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(workspace.get_mlflow_tracking_uri())
    run = queued(submit, workspace, "pass")
    looks = {
        "status": lambda: run.status,
        "details": lambda: run.get_details()["status"],
        "search": lambda: next(one for one in run.experiment.get_runs() if one.id == run.id).get_details()["status"],
        "mlflow": lambda: {"FAILED": "Failed"}.get(client.get_run(run.id).info.status),
    }
    assert looks[look]() != "Failed"
    monkeypatch.setattr(leases, "LEASE_SECONDS", 0.5)
    until(lambda: looks[look]() == "Failed")
    record = run.place.record()
    assert record.end_time is not None and record.start_time is not None and record.end_time >= record.start_time
    assert run.error == {
        "code": "NeverStarted",
        "message": "No launcher claimed the run within 0.5 seconds: the launcher was not started, or could not open "
        "the workspace. The output of the launcher or the log of the system may show why.",
    }
    assert launch(workspace, run.id).returncode == 0
    assert run.place.record() == record


def test_a_run_that_its_submitter_owns_waits_for_its_launcher(
    submit: Submit, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = queued(submit, workspace, "pass")
    workspace.stores.tracking.update_runs((run.id,), RunChanges(status="Completed"))
    monkeypatch.setattr(leases, "LEASE_SECONDS", 0.5)
    workspace.stores.tracking.begin_runs([replace(run.place.record(), id="held", status="Starting", end_time=None)])
    time.sleep(1)
    assert Workspace.open(workspace.path).get_run("held").status == "Starting"
    workspace.stores.tracking.release_lease("held")
    until(lambda: workspace.get_run("held").status == "Failed")


def test_a_waiting_run_is_canceled_at_once(submit: Submit, workspace: Workspace) -> None:
    run = queued(submit, workspace, "open('started', 'w').close()")
    begun = time.monotonic()
    run.cancel()
    assert time.monotonic() - begun < CANCEL_SECONDS
    assert (run.status, run.warnings, run.error) == ("Canceled", (), None)
    assert "endTimeUtc" in run.get_details()
    run.cancel()
    done = launch(workspace, run.id)
    assert (done.returncode, done.stderr) == (
        0,
        f"This launcher does not start the run {run.id!r}: the run is Canceled, and has ended.\n",
    )
    with pytest.raises(NotFound):
        run.download_file("user_logs/std_log.txt")
    assert run.status == "Canceled"


def test_a_run_is_canceled_while_its_launcher_starts(
    submit: Submit, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its launcher starts slowly and finds that the run has ended. `submit` returns a run that is Canceled."""
    python = sys.executable
    slow = tmp_path / "python"
    slow.write_text(f'#!/bin/sh\nsleep 1.5\nexec {python} "$@"\n')
    slow.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(slow))
    canceler = f"""
import sys, time
from bridge import Experiment, Workspace
experiment = Experiment(Workspace.open(sys.argv[1]), "submitted")
while not (runs := list(experiment.get_runs())):
    time.sleep(0.05)
begun = time.monotonic()
runs[0].cancel()
print(time.monotonic() - begun < {CANCEL_SECONDS}, runs[0].status)
"""
    with subprocess.Popen(
        [python, "-c", canceler, address_of(workspace)], stdout=subprocess.PIPE, text=True
    ) as process:
        run = submit("open('/dev/null')")
        assert process.communicate(timeout=60)[0] == "True Canceled\n"
    assert (run.status, run.warnings, run.error) == ("Canceled", (), None)
    until(lambda: not processes_of(run))
    assert run.status == "Canceled"


def test_a_launcher_that_ends_before_it_has_claimed_its_run_fails_the_run_at_once(
    submit: Submit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """At that moment the submitting process has released the run, and no process owns it."""
    dying = tmp_path / "python"
    dying.write_text(
        f"#!{sys.executable}\nimport os, socket, sys\nos.fork() and os._exit(0)\n"
        "there = socket.socket(fileno=int(sys.argv[5]))\nthere.sendall(b'x')\nthere.recv(1)\n"
        "sys.exit('no room to claim it')\n"
    )
    dying.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(dying))
    run = submit("pass")
    assert run.status == "Failed"
    assert run.error is not None and run.error["code"] == "LauncherFailed"
    assert "no room to claim it" in run.error["message"]


# A run has one owner


def test_a_launcher_that_was_considered_dead_continues_and_stores_how_its_script_ended(
    submit: Submit, workspace: Workspace
) -> None:
    run = submit("import os, time\nprint('up', flush=True)\nwhile not os.path.exists('logs/go'): time.sleep(0.02)")
    lines_of(run)
    error = json.dumps({"code": "OwnerGone", "message": "as after a week in which the machine was stopped"})
    workspace.stores.tracking.inner.update_runs((run.id,), RunChanges(status="Failed", end_time=1, error=error))
    time.sleep(1)
    assert processes_of(run)
    folder = Path(json.loads(run.place.record().definition or "")["workingDirectory"])
    (folder / "logs").mkdir()
    (folder / "logs" / "go").touch()
    until(lambda: run.status == "Completed")
    assert run.error is None


@IN_BOTH_PLACES
@pytest.mark.usefixtures("background_looks_late")
def test_the_submitting_process_sees_at_once_that_the_launcher_was_killed(submit: Submit, workspace: Workspace) -> None:
    run = submit(SLEEPS)
    lines_of(run)
    time.sleep(1.5)
    launcher_of(run).kill()

    def known() -> tuple[object, ...]:
        tracking = workspace.stores.tracking
        return run.place.record(), tracking.get_leases(), vars(tracking._folding), sorted(tracking._folder.iterdir())

    until(lambda: run.status == "Failed", shown=known)
    assert run.error is not None and run.error["code"] == "OwnerGone"


@IN_BOTH_PLACES
@pytest.mark.usefixtures("background_looks_late")
def test_the_creator_does_not_own_a_run_that_another_process_executes(submit: Submit, workspace: Workspace) -> None:
    run = queued(submit, workspace, SLEEPS)
    run.log("seen", 1)  # writing to the run does not make its creator the owner
    process = subprocess.Popen(launcher(workspace, run.id))
    lines_of(run)
    process.kill()
    process.wait()
    until(lambda: run.status == "Failed")


def test_a_launcher_owns_the_run_from_the_moment_of_its_claim(
    workspace: Workspace, source: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader sees one lease at any time: that of the submitting process, or that of the launcher."""
    (source / "train.py").write_text(SLEEPS)
    run = Experiment(workspace, "submitted").submit(ScriptRunConfig(source, script="train.py"))
    tracking = workspace.stores.tracking
    try:
        owners = {lease.journal_id for lease in tracking.get_leases() if lease.run_id == run.id}
        assert len(owners) == 1 and owners != {tracking._writer.journal_id}
    finally:
        run.cancel()
