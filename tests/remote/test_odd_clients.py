"""A client is interrupted within `complete`, shares its home folder with other computers, or has a full disk."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import NAMESPACE_DNS, uuid5

import pytest
import stepped_clock
from remote_writer import Writer, points_of
from served_workspaces import served
from small_disk import CAN_MOUNT, filled, mounted_disk
from submitting import until

from bridge import Experiment, Workspace
from bridge.errors import StoreUnavailable
from bridge.store.journal_place import journal_folder

pytestmark = [pytest.mark.slow, pytest.mark.processes]

BECOME = """
hostname "$1"
mount --bind "$2/boot" /proc/sys/kernel/random/boot_id
mount --bind "$2/machine" /etc/machine-id
shift 2
exec "$@"
"""
"""A shell script that gives a process the name, the boot and the identity of another computer."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_within_complete_loses_no_point(server, local, tmp_path, number):
    writer = Writer(server.address, tmp_path)
    writer.log(2)
    server.proxy.fail("hang")
    writer.log(3)
    writer.start_to_complete()
    time.sleep(0.4)  # so that it waits for the server
    errors = writer.signal(number)
    assert writer.process.returncode != 0
    assert ("becomes Failed when the server" in errors) == (number == signal.SIGINT), errors
    server.proxy.fail("none")
    with Workspace.open(server.address):
        until(lambda: local.get_run(writer.run_id).status == "Failed")
        assert points_of(local, writer.run_id) == [0, 1, 2, 3, 4]
        until(lambda: not list(journal_folder(local.id).glob("*.log")))


def computer(folder: Path, name: str) -> list[str]:
    """Return the words of a command that runs a process as if it ran on another computer."""
    folder.mkdir(exist_ok=True)
    (folder / "boot").write_text(f"{uuid5(NAMESPACE_DNS, name)}\n")
    (folder / "machine").write_text(f"{uuid5(NAMESPACE_DNS, name).hex}\n")
    return ["unshare", "--mount", "--uts", "sh", "-ec", BECOME, "sh", name, str(folder)]


@pytest.mark.skipif(not CAN_MOUNT, reason="only root on Linux gives a process the identity of another computer")
def test_computers_that_share_a_home_folder_deliver_everything_once(server, local, tmp_path):
    """Neither computer knows whether the processes of the other one run, so it ends none of their runs."""
    first, second = computer(tmp_path / "first", "first"), computer(tmp_path / "second", "second")
    one = Writer(server.address, tmp_path / "first", within=first)
    two = Writer(server.address, tmp_path / "second", within=second)
    runs = [local.get_run(writer.run_id) for writer in (one, two)]
    for writer in (one, two):
        writer.log(3)
    server.proxy.fail("refuse")
    for writer in (one, two):
        writer.log(3)
    one.kill()
    server.proxy.fail("none")
    until(lambda: all(points_of(local, run.id) == list(range(6)) for run in runs))
    two.log(1)
    two.end()
    with Workspace.open(server.address) as third:
        third.stores.tracking.tend()
        assert [run.status for run in runs] == ["Running", "Completed"]
    again = Writer(server.address, tmp_path / "first", within=first)
    until(lambda: runs[0].status == "Failed")
    again.end()
    assert points_of(local, one.run_id) == list(range(6))
    assert points_of(local, two.run_id) == list(range(7))
    until(lambda: not list(journal_folder(local.id).glob("*.log")))


@pytest.mark.parametrize("who", ["client", "server"])
@pytest.mark.parametrize("hours", [7, 24 * 9])
def test_a_step_of_a_wall_clock_changes_neither_points_nor_states(local, tmp_path, who, hours):
    clock, real = tmp_path / "clock", tmp_path / "real"
    for file in (clock, real):
        file.write_text("0")
    files = {"client": real, "server": real, who: clock}
    program = stepped_clock.command(files["server"])
    with served({"demo": local.path}, tmp_path / "log", "--mlflow", "off", program=program) as server:
        writer = Writer(server.at("demo"), tmp_path, stepped_clock.following(files["client"]))
        for count, step in ((5, 0), (10, hours * 3600), (15, -hours * 3600), (20, 0)):
            clock.write_text(str(step))
            writer.log(5)
            until(lambda logged=count: points_of(local, writer.run_id) == list(range(logged)))
            with Workspace.open(server.at("demo")) as other:
                assert points_of(other, writer.run_id) == list(range(count))
                assert other.get_run(writer.run_id).status == "Running"
                other.get_run(writer.run_id).tag(str(step), "x")
        errors = writer.end()
        run = local.get_run(writer.run_id)
        assert (run.status, run.get_tags()) == (
            "Completed",
            dict.fromkeys(("0", str(hours * 3600), str(-hours * 3600)), "x"),
        ), errors


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A disk of 3 MB for the journals of clients."""
    with mounted_disk(tmp_path / "disk", 3) as disk:
        monkeypatch.setenv("BRIDGE_JOURNAL", str(disk))
        yield disk


def test_a_full_disk_of_the_client_raises_nothing_in_log_calls_and_loses_nothing(local, server, small_disk, caplog):
    with Workspace.open(server.address) as remote:
        run = Experiment(remote, "full").start_logging(outputs=False, snapshot_directory=None)
        run.log("point", 0)
        run.flush()
        server.proxy.fail("refuse")
        with filled(small_disk, free=200_000):
            for number in range(1, 10_000):
                run.log("point", number)
            is_full = "No space left on device; .* points are not written and 0 were"
            for call in (run.flush, run.complete):
                with pytest.raises(StoreUnavailable, match=is_full):
                    call()
            server.proxy.fail("none")
        run.complete()
    found = local.get_run(run.id)
    assert found.status == "Completed" and "could not be written" in found.warnings[0]
    assert found.get_series("point").values.tolist() == list(range(10_000))


def test_a_disk_that_only_the_journal_of_the_client_fills_has_space_again_when_the_server_answers(
    local, server, small_disk, caplog
):
    with Workspace.open(server.address) as remote:
        run = Experiment(remote, "full").start_logging(outputs=False, snapshot_directory=None)
        run.log("point", 0)
        run.flush()
        server.proxy.fail("refuse")
        for number in range(1, 80_000):
            run.log("point", number)
        with pytest.raises(StoreUnavailable, match="No space left on device"):
            run.flush()
        server.proxy.fail("none")
        until(lambda: local.get_run(run.id).get_series("point").values.tolist() == list(range(80_000)))
        run.log("point", 80_000)
        run.complete()
    assert not list(small_disk.rglob("*.log"))
    found = local.get_run(run.id)
    assert found.status == "Completed"
    assert found.get_series("point").values.tolist() == list(range(80_001))


FILLER = """
import sys
from bridge import Experiment, Workspace
run = Experiment(Workspace.open(sys.argv[1]), "full").start_logging(outputs=False, snapshot_directory=None)
print(run.id, flush=True)
next(sys.stdin)
for number in range(80_000):
    run.log("point", number)
print("logged", flush=True)
next(sys.stdin)
"""


def test_a_client_that_is_killed_after_its_full_disk_had_space_again_loses_nothing(local, server, small_disk):
    command = [sys.executable, "-c", FILLER, server.address]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        assert process.stdin is not None and process.stdout is not None
        run_id = process.stdout.readline().strip()
        server.proxy.fail("refuse")
        process.stdin.write("log\n")
        assert process.stdout.readline() == "logged\n"
        server.proxy.fail("none")
        until(lambda: len(points_of(local, run_id)) == 80_000)
        process.kill()
    with Workspace.open(server.address):
        until(lambda: local.get_run(run_id).status == "Failed")
        until(lambda: not list(small_disk.rglob("*.log")))
    assert points_of(local, run_id) == list(range(80_000))
