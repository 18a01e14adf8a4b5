"""Backups of a workspace that many processes write to, and backups that are killed."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from forked import Child, Fork, Say
from longer import SCALE
from whole_workspace import content_of

from bridge import Experiment, Run, Workspace
from bridge.maintenance.backup import back_up
from bridge.maintenance.backups import LOCK, find_backup
from bridge.maintenance.progress import Meter
from bridge.maintenance.restore import restore
from bridge.maintenance.verify import check_backup
from bridge.store.one_run import get_run
from bridge.store.open import open_store

WRITERS = 16


def write(folder: Path, number: int, say: Say) -> None:
    """Log numbers, texts and files to a new run until the process is killed, and report what was stored."""
    workspace = Workspace.open(folder)
    run = Experiment(workspace, f"writer-{number}").start_logging(outputs=False, snapshot_directory=None)
    run.log_param("number", number)
    stores = open_store(folder)
    root = get_run(stores.tracking, run.id).artifact_root
    say(f"run {run.id}")
    for count in range(1_000_000):
        run.log("point", value_of(count), step=count)
        if count % 50 == 49:
            say(f"points {count + 1}")
            time.sleep(0.005)
        if count % 500 == 499:
            stores.artifacts.put(root, f"files/{count}", content_at(count))
            run.tag("count", str(count))
            say(f"file {count}")


def value_of(count: int) -> float:
    return count * 0.1


def content_at(count: int) -> bytes:
    return str(count).encode() * 1_000


class Acknowledged:
    """The reports of a writer so far."""

    def __init__(self, writer: Child) -> None:
        self.run_id = writer.line().removeprefix("run ")
        self.points = 0
        self.files: set[str] = set()
        self._writer = writer

    def update(self) -> Acknowledged:
        """Read the reports that the writer has sent."""
        os.set_blocking(self._writer._reading, False)
        try:
            self._writer._text += os.read(self._writer._reading, 1 << 20)
        except BlockingIOError:
            pass
        *lines, self._writer._text = self._writer._text.split(b"\n")
        for line in lines:
            kind, value = line.decode().split()
            if kind == "points":
                self.points = int(value)
            else:
                self.files.add(value)
        return self


def started_writers(fork: Fork, folder: Path, count: int) -> list[Acknowledged]:
    writers = [fork(lambda say, number=number: write(folder, number, say)) for number in range(count)]  # type: ignore[misc]
    return [Acknowledged(writer) for writer in writers]


def check_restored(folder: Path, acknowledged: list[Acknowledged], least: list[tuple[int, set[str]]]) -> None:
    """Check that a restored workspace has all points and files that were acknowledged before the backup began."""
    content, stores = content_of(folder), open_store(folder)
    with Workspace.open(folder) as workspace:
        for number, (writer, (points, files)) in enumerate(zip(acknowledged, least, strict=True)):
            run = Run.get(workspace, writer.run_id)
            series = run.get_series("point")
            assert len(series.values) >= points
            assert series.values.tolist() == [value_of(count) for count in range(len(series.values))]
            assert series.steps.tolist() == list(range(len(series.values)))
            assert get_run(stores.tracking, run.id).params == {"number": str(number)}
            found = {path: bytes for path, (_, bytes) in content["files"][writer.run_id].items()}
            assert found.keys() >= {f"files/{count}" for count in files}
            assert all(bytes == content_at(int(path.rpartition("/")[2])) for path, bytes in found.items())


def back_up_beside_writers(fork: Fork, folder: Path, tmp_path: Path, writers: int, backups: int) -> None:
    acknowledged = started_writers(fork, folder, writers)
    for number in range(backups):
        time.sleep(1.0)
        least = [(one.update().points, set(one.files)) for one in acknowledged]
        report = back_up(folder, tmp_path / "backups", verify=True)
        assert (report.missing, report.changed) == ((), ())
        during = [one.update().points - points for one, (points, _) in zip(acknowledged, least, strict=True)]
        assert sum(count > 0 for count in during) > writers / 2, "the writers waited for the backup"
        assert all(points for points, _ in least)
        check_restored(restore(report.path, tmp_path / f"restored-{number}").path, acknowledged, least)


@pytest.mark.slow
def test_a_backup_beside_writers_has_what_was_acknowledged_before(
    workspace: Workspace, tmp_path: Path, fork: Fork
) -> None:
    back_up_beside_writers(fork, workspace.path, tmp_path, writers=4, backups=2)


@pytest.mark.processes
def test_a_backup_beside_sixteen_writers_has_what_was_acknowledged_before(
    workspace: Workspace, tmp_path: Path, fork: Fork
) -> None:
    back_up_beside_writers(fork, workspace.path, tmp_path, writers=WRITERS, backups=2 * SCALE)


def kill_backups(fork: Fork, workspace: Workspace, tmp_path: Path, kills: int) -> None:
    """Kill backups at random moments, while another process writes to the workspace."""
    (writer,) = started_writers(fork, workspace.path, 1)
    chance = random.Random(8)
    folder = tmp_path / "backups"
    seconds = duration(lambda: back_up(workspace.path, folder))
    done = 0
    for _ in range(kills):
        child = fork(lambda say: [back_up(workspace.path, folder), say("done")])
        time.sleep(chance.random() * 1.2 * seconds)
        child.kill()
        done += child.rest() == ["done"]
        child.wait()
        child.close()
        check_backup(find_backup(folder), Meter())
    assert 0 <= done < kills
    least = [(writer.update().points, set(writer.files))]
    report = back_up(workspace.path, folder, keep=1)
    assert sorted(path.name for path in folder.iterdir()) == [LOCK, report.path.name]
    check_restored(restore(folder, tmp_path / "restored").path, [writer], least)
    writer._writer.kill()
    writer._writer.wait()
    check_restored(workspace.path, [writer], least)


def duration(call: Callable[[], object]) -> float:
    begun = time.monotonic()
    call()
    return time.monotonic() - begun


@pytest.mark.slow
def test_a_killed_backup_leaves_the_workspace_and_earlier_backups(
    workspace: Workspace, tmp_path: Path, fork: Fork
) -> None:
    kill_backups(fork, workspace, tmp_path, kills=5)


@pytest.mark.processes
def test_fifty_killed_backups_leave_the_workspace_and_earlier_backups(
    workspace: Workspace, tmp_path: Path, fork: Fork
) -> None:
    kill_backups(fork, workspace, tmp_path, kills=50 * SCALE)


@pytest.mark.processes
def test_a_killed_restore_leaves_no_workspace_and_is_repeated(
    workspace: Workspace, run: Run, tmp_path: Path, fork: Fork
) -> None:
    for count in range(200):
        run.log("point", value_of(count))
    stores = open_store(workspace.path)
    root = get_run(stores.tracking, run.id).artifact_root
    for count in range(200):
        stores.artifacts.put(root, f"files/{count}", content_at(count))
    report = back_up(workspace.path, tmp_path / "backups")
    seconds = duration(lambda: restore(report.path, tmp_path / "first"))
    before, chance = content_of(tmp_path / "first"), random.Random(9)
    for attempt in range(20 * SCALE):
        target = tmp_path / f"target-{attempt % 2}"
        child = fork(lambda say, target=target: restore(report.path, target))  # type: ignore[misc]
        time.sleep(chance.random() * 1.2 * seconds)
        child.kill()
        child.wait()
        child.close()
        if target.exists():
            assert content_of(target) == before
            target.rename(tmp_path / f"done-{attempt}")
    assert content_of(restore(report.path, tmp_path / "target-0").path) == before


@pytest.mark.slow
def test_a_process_goes_on_in_a_workspace_that_is_restored_at_its_path(
    workspace: Workspace, tmp_path: Path, fork: Fork
) -> None:
    """Points that it logged after the backup, and while the workspace was missing, are in the restored workspace."""
    stop = tmp_path / "stop"

    def log(say: Say) -> None:
        run = Experiment(Workspace.open(workspace.path), "kept").start_logging(outputs=False, snapshot_directory=None)
        say(run.id)
        count = 0
        while not stop.exists():
            run.log("point", value_of(count))
            count += 1
            time.sleep(0.002)
            if count % 100 == 0:
                say(f"points {count}")
        run.flush()
        run.complete()
        say(f"ended {count}")

    writer = fork(log)
    run_id = writer.line()
    assert writer.line() == "points 100"
    workspace.close()
    back_up(workspace.path, tmp_path / "backups")
    assert writer.line() == "points 200"
    shutil.rmtree(workspace.path)
    assert writer.line() == "points 300"
    restore(tmp_path / "backups", workspace.path)
    for _ in range(10):
        writer.line()
    stop.touch()
    *_, ended = writer.rest()
    assert writer.wait() == 0
    with Workspace.open(workspace.path) as again:
        run = Run.get(again, run_id)
        assert run.get_series("point").values.tolist() == [value_of(n) for n in range(int(ended.split()[1]))]
        assert run.status == "Completed"
