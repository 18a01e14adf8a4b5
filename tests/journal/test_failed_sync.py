"""If the disk fails to sync, a point is still stored once, and `flush` reports the failure."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy
import pytest
from raw_journals import RUN, as_written, journals, points_of, reader_of

import bridge.journal.file as file_module
from bridge import Experiment, Run, StoreUnavailable, Workspace
from bridge.journal.column_record import RECORD_BYTES
from bridge.journal.file import JournalFile
from bridge.journal.system import CallFailed
from bridge.journal.writer import JournalWriter
from bridge.records.point_columns import PointColumns
from bridge.records.series import Point


class FailingDisk:
    """An `fsync` of journals that fails once if the test requests it; it calls `before` first."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fails = False
        self.before = lambda: None
        sync = JournalFile.sync

        def failing(file: JournalFile) -> None:
            if not self.fails:
                sync(file)
                return
            self.fails = False
            self.before()
            raise CallFailed(OSError(errno.EIO, os.strerror(errno.EIO)))

        monkeypatch.setattr(JournalFile, "sync", failing)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> FailingDisk:
    return FailingDisk(monkeypatch)


def read_in_child(workspace: Workspace, run_id: str) -> None:
    """Make another process fold all journals."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            Run.get(Workspace.open(workspace.path), run_id).get_metrics()
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.parametrize("known", [True, False], ids=["a known series", "a new series"])
def test_a_point_that_was_folded_before_its_sync_failed_is_stored_once(tmp_path: Path, disk, caplog, known):
    workspace = Workspace.create("work", path=tmp_path / "work", durability="power")
    run = Experiment(workspace, "sync").start_logging(outputs=False, snapshot_directory=None)
    run.log("a", 0)
    disk.before = lambda: read_in_child(workspace, run.id)
    disk.fails = True
    run.log("a" if known else "b", 1)
    run.log("a", 2)
    assert run.get_metrics() == ({"a": [0, 1, 2]} if known else {"a": [0, 2], "b": 1})
    assert caplog.text.count("the disk may not have the last points") == 1
    run.flush()  # folded points are on the disk, because the database syncs automatically
    run.complete()
    assert run.status == "Completed"


def many_points() -> PointColumns:
    """Return points that need three records."""
    values = bytes(8 * (2 * RECORD_BYTES // 8 + 1))
    return PointColumns(("a",), values, 0, 0)


def watched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which every write and every sync of a journal is added."""
    calls: list[str] = []
    append, sync = JournalFile.append, JournalFile.sync
    monkeypatch.setattr(JournalFile, "append", lambda file, data: (calls.append("append"), append(file, data))[1])
    monkeypatch.setattr(JournalFile, "sync", lambda file: (calls.append("sync"), sync(file))[1])
    return calls


def test_a_call_that_writes_several_records_waits_for_the_disk_once_at_its_end(tmp_path: Path, monkeypatch):
    writer = JournalWriter(tmp_path, fsync=True)
    writer.log(RUN, [Point("a", 1.0, 1, 1)], 0)
    calls = watched(monkeypatch)
    writer.log(RUN, many_points(), 0)
    assert calls == ["append"] * 3 + ["sync"]
    writer.close()
    assert calls[4:] == ["append", "sync"]


def test_every_journal_that_a_call_has_written_to_is_on_the_disk(tmp_path: Path, monkeypatch):
    """Each journal is full after one record. Because the process owns a run, it closes the full ones later."""
    workspace = Workspace.create("work", path=tmp_path / "work", durability="power")
    monkeypatch.setattr(file_module, "JOURNAL_BYTES", 1 << 19)
    run = Experiment(workspace, "sync").start_logging(outputs=False, snapshot_directory=None)
    run.log("a", 0.0)
    calls = watched(monkeypatch)
    run.log_series("a", numpy.zeros(2 * RECORD_BYTES // 8 + 1))
    start = ["append", "append", "sync"]  # the header, the lease of the run, and the sync before the file is published
    assert calls == ["append", "sync", *start, "append", "sync", *start, "append", "sync"]
    run.complete()


def test_a_flush_reports_that_the_disk_may_not_have_a_point(tmp_path: Path, disk):
    folder = tmp_path / "journal"
    writer = JournalWriter(folder, fsync=True)
    points = [Point("a", number, number, number) for number in range(4)]
    writer.log(RUN, points[:1], 0)
    disk.fails = True
    writer.log(RUN, points[1:2], 0)
    with pytest.raises(StoreUnavailable, match="the disk may not have the last points"):
        writer.flush()
    writer.log(RUN, points[2:], 0)
    (first, size), *others = writer.unsynced.items()
    assert not others
    writer.mark_synced({first: size - 1})
    with pytest.raises(StoreUnavailable):
        writer.flush()
    writer.mark_synced({first: size})
    writer.flush()
    writer.close()
    found = []
    for journal_id in journals(folder):
        reader = reader_of(folder, journal_id)
        found += points_of(reader.read(0, 1 << 30), reader.definitions)
    assert sorted(found) == sorted(as_written(RUN, points))
