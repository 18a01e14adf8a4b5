"""Points of processes with another boot clock are never withheld from readers."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge import Experiment, Run, Workspace
from bridge.journal.format import HEADER_SIZE, Header, decode_header, encode_header

pytestmark = pytest.mark.processes

DAY = 86_400 * 10**9


def written_by_another(workspace: Workspace, run: Run, key: str, change: Callable[[Header], Header]) -> None:
    """Points in the journal of a killed process, whose header is changed afterwards."""
    before = set((workspace.path / "journal").glob("*.log"))
    pid = os.fork()
    if pid == 0:
        try:
            own = Run.get(Workspace.open(workspace.path), run.id)
            for number in range(3):
                own.log(key, number)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    (path,) = set((workspace.path / "journal").glob("*.log")) - before
    data = path.read_bytes()
    found = decode_header(data[:HEADER_SIZE])
    assert found is not None
    path.write_bytes(2 * encode_header(change(found[1])) + data[2 * HEADER_SIZE :])


def on_another_boot(ahead: int) -> Callable[[Header], Header]:
    """Set the boot clock of the journal ahead of ours by this time; the wall clocks agree."""
    return lambda header: header._replace(boot_id="b" * 32, wall_time=header.wall_time + ahead)


CLOCKS = {
    "another boot": on_another_boot(0),
    "another boot, an hour earlier": on_another_boot(-DAY // 24),
    "an unknown boot": lambda header: header._replace(boot_id=""),
    "another time namespace": lambda header: header._replace(time_namespace=header.time_namespace + 1),
    "an unknown time namespace": lambda header: header._replace(time_namespace=0),
}


@pytest.mark.parametrize("clock", CLOCKS)
def test_points_of_another_boot_clock_are_visible_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: str):
    """This holds even if that clock is ahead of the reader's."""
    workspace = Workspace.create("work", path=tmp_path / "work")
    run = Experiment(workspace, "clocks").start_logging(outputs=False, snapshot_directory=None)
    written_by_another(workspace, run, "a", CLOCKS[clock])
    monkeypatch.setattr("bridge.store.fold.read_boot_time", lambda: 1)  # the reader's clock is behind all points
    assert run.get_metrics() == {"a": [0, 1, 2]}
    run.complete()


@pytest.mark.usefixtures("untended")  # a fold between two writes would store the first
def test_processes_without_a_common_clock_are_ordered_by_the_wall_clock_which_is_reported_once(tmp_path, caplog):
    workspace = Workspace.create("work", path=tmp_path / "work")
    run = Experiment(workspace, "clocks").start_logging(outputs=False, snapshot_directory=None)
    run.log("a", 10)
    written_by_another(workspace, run, "a", on_another_boot(-DAY))
    written_by_another(workspace, run, "a", on_another_boot(-DAY))
    assert run.get_metrics()["a"] == [0, 1, 2, 0, 1, 2, 10]
    written_by_another(workspace, run, "b", on_another_boot(0))
    run.log("b", 10)
    assert sorted(run.get_metrics()["b"]) == [0, 1, 2, 10]
    reports = [record for record in caplog.records if "do not share a clock" in record.getMessage()]
    assert len(reports) == 1
    run.complete()


def test_a_process_of_this_boot_is_read_up_to_the_moment_of_the_read(tmp_path, monkeypatch):
    """Otherwise an answer in one journal could be stored before its question in another."""
    workspace = Workspace.create("work", path=tmp_path / "work")
    run = Experiment(workspace, "clocks").start_logging(outputs=False, snapshot_directory=None)
    run.log("a", 1)
    with monkeypatch.context() as patch:
        patch.setattr("bridge.store.fold.read_boot_time", lambda: 1)
        assert run.get_metrics() == {}
    assert run.get_metrics() == {"a": 1}
    run.complete()


def test_a_journal_whose_clock_went_back_is_read_to_its_end_in_its_own_order(tmp_path: Path, monkeypatch):
    """A boot clock never goes back, but a reader that cuts journals at a moment must not wait forever if one does."""
    workspace = Workspace.create("work", path=tmp_path / "work")
    run = Experiment(workspace, "clocks").start_logging(outputs=False, snapshot_directory=None)
    ticks = iter(range(10**9, 0, -(10**6)))
    monkeypatch.setattr("bridge.journal.writer._boot_time", lambda clock: next(ticks))
    for number in range(200):
        run.log("a", number)
    monkeypatch.setattr("bridge.store.cuts.LEAST_BYTES", 1000)
    monkeypatch.setattr("bridge.store.cuts.FOLD_BYTES", 1000)
    assert run.get_metrics()["a"] == list(range(200))
    run.complete()
