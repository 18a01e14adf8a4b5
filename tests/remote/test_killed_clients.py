"""A client that is killed, stopped or ends while its server is away loses no point, and its runs end rightly."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from remote_writer import Writer, points_of
from submitting import until

from bridge import Run, Workspace
from bridge.records.limits import LEASE_SECONDS
from bridge.store.journal_place import journal_folder
from bridge.store.one_run import get_run

pytestmark = [pytest.mark.slow, pytest.mark.processes]


def test_the_next_process_delivers_the_points_of_a_killed_one_and_ends_its_run(server, local, tmp_path):
    writer = Writer(server.address, tmp_path)
    writer.log(3)
    until(lambda: points_of(local, writer.run_id) == [0, 1, 2])
    server.proxy.fail("hang")
    writer.log(4)
    writer.kill()
    server.proxy.fail("none")
    run = local.get_run(writer.run_id)
    assert run.status == "Running"
    with Workspace.open(server.address) as other:  # a process that only opens the workspace
        until(lambda: run.status == "Failed")
        assert run.error and run.error["code"] == "OwnerGone"
        assert points_of(other, writer.run_id) == points_of(local, writer.run_id) == [0, 1, 2, 3, 4, 5, 6]
        until(lambda: not journals_of(other))


def journals_of(workspace: Workspace) -> list[Path]:
    return list(journal_folder(workspace.id).glob("*.log"))


def test_a_killed_client_whose_computer_is_lost_is_not_ended_by_other_clients(server, local, tmp_path, monkeypatch):
    """The journal of the killed process is on another computer, so no client knows whether the process runs."""
    with monkeypatch.context() as patch:
        patch.setenv("BRIDGE_HOME", str(tmp_path / "other computer"))
        writer = Writer(server.address, tmp_path)
    writer.log(2)
    until(lambda: points_of(local, writer.run_id) == [0, 1])
    writer.kill()
    with Workspace.open(server.address) as client:
        for workspace in (client, local):
            for _ in range(3):
                assert workspace.get_run(writer.run_id).status == "Running"
                workspace.stores.tracking.tend()
        (lease,) = [one for one in local.stores.tracking.get_leases() if one.run_id == writer.run_id]
        assert lease.delivered


def test_a_stopped_client_is_shown_as_not_responding_and_continues(server, local, tmp_path, monkeypatch):
    """The process that judges waits less for the next delivery than the server does."""
    from bridge.store import remote_owners

    writer = Writer(server.address, tmp_path)
    writer.log(1)
    until(lambda: points_of(local, writer.run_id) == [0])
    run = local.get_run(writer.run_id)
    writer.process.send_signal(signal.SIGSTOP)
    monkeypatch.setattr(remote_owners, "LEASE_SECONDS", 1.0)
    until(lambda: run.status == "NotResponding")
    monkeypatch.setattr(remote_owners, "LEASE_SECONDS", LEASE_SECONDS)
    writer.process.send_signal(signal.SIGCONT)
    writer.log(1)
    until(lambda: run.status == "Running", seconds=90)  # with its next lease record
    writer.end()
    assert run.status == "Completed"


def test_a_process_that_ends_while_the_server_is_away_says_how_many_points_wait(server, local, tmp_path):
    writer = Writer(server.address, tmp_path)
    writer.log(2)
    until(lambda: points_of(local, writer.run_id) == [0, 1])
    server.proxy.fail("refuse")
    writer.log(5)
    said = writer.end()
    # The answer to the delivery of the first two points may have been lost.
    assert re.search("it has not taken [57] points yet, which wait in", said)
    assert str(journals_of_id(local.id)) in said
    server.proxy.fail("none")
    with Workspace.open(server.address):
        until(lambda: points_of(local, writer.run_id) == list(range(7)))
        until(lambda: get_run(local.stores.tracking, writer.run_id).status == "Completed")


def journals_of_id(workspace_id: str) -> Path:
    from bridge.store.journal_place import journal_folder

    return journal_folder(workspace_id)


def test_a_short_process_delivers_at_its_end(server, local, tmp_path):
    """It ends before its background thread works for the first time."""
    script = tmp_path / "short.py"
    script.write_text(
        "import sys\nfrom bridge import Experiment, Workspace\n"
        "run = Experiment(Workspace.open(sys.argv[1]), 'short').start_logging(outputs=False, snapshot_directory=None)\n"
        "run.log('point', 7)\nprint(run.id)\n",
        encoding="utf-8",
    )
    done = subprocess.run([sys.executable, str(script), server.address], capture_output=True, text=True, timeout=60)
    run = Run.get(local, done.stdout.strip())
    assert (run.status, run.get_metrics()) == ("Completed", {"point": 7}), done.stderr
    assert not list(journals_of_id(local.id).glob("*.log"))


ENDS = """
    import sys
    from bridge import Experiment, Workspace
    from bridge.store import remote
    from bridge.store.http import patience
    patience.EXIT_SECONDS, remote.FLUSH_SECONDS, remote.END_SECONDS = 1.0, 1.0, 1.0
    ws = Workspace.open(sys.argv[1])
    run = Experiment(ws, "clients").start_logging(outputs=False, snapshot_directory=None)
    print(run.id, flush=True)
    sys.stdin.readline()
    if sys.argv[2] != "nothing":
        run.log("point", 1)
    if sys.argv[2] == "fail":
        run.fail("it diverged")
    elif sys.argv[2] == "raise":
        raise ValueError("it diverged")
    else:
        run.complete()
    if sys.argv[2] == "nothing":
        import os, signal
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(
    ("way", "status"), [("complete", "Completed"), ("nothing", "Completed"), ("fail", "Failed"), ("raise", "Failed")]
)
def test_a_run_that_ends_while_the_server_is_away_gets_its_status_later(server, local, tmp_path, way, status):
    script = tmp_path / "ends.py"
    script.write_text(textwrap.dedent(ENDS), encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, str(script), server.address, way],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    run = local.get_run(process.stdout.readline().strip())
    server.proxy.fail("refuse")
    _, errors = process.communicate("\n", timeout=60)
    assert f"becomes {status} when the server" in errors
    assert run.status == "Running"
    server.proxy.fail("none")
    with Workspace.open(server.address) as other:
        until(lambda: run.status != "Running")
        assert run.status == status
        assert points_of(local, run.id) == ([] if way == "nothing" else [1])
        error = run.error
        assert "it diverged" in error["message"] if status == "Failed" else error is None
        until(lambda: not journals_of(other))
        assert not list(journal_folder(other.id).glob("*.end"))
