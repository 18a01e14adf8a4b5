"""A writer whose workspace is removed, replaced or put back stores every point, or reports that it cannot."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from interrupting import EXCEPTIONS, Interrupts, places
from raw_journals import RUN, Written, as_written, journals, points_of, reader_of

from bridge import Experiment, StoreUnavailable, Workspace
from bridge.journal.file import JournalFile
from bridge.journal.folder import JournalFolder
from bridge.journal.locks import OwnedLock
from bridge.journal.writer import JournalWriter
from bridge.records.series import Point

HOME, OTHER = "a" * 32, "b" * 32


@pytest.fixture
def writer(tmp_path: Path) -> JournalWriter:
    return JournalWriter(tmp_path / "journal", workspace_id=HOME)


def points(*numbers: int) -> list[Point]:
    return [Point("a", number, number, number) for number in numbers]


def log(writer: JournalWriter, *numbers: int) -> None:
    for point in points(*numbers):
        writer.log(RUN, [point], 0)


def written(folder: Path) -> list[Written]:
    found: list[Written] = []
    for journal_id in journals(folder):
        reader = reader_of(folder, journal_id)
        found += points_of(reader.read(0, (folder / f"{journal_id}.log").stat().st_size), reader.definitions)
    return sorted(found, key=lambda one: one[4])


def replaced(writer: JournalWriter) -> None:
    """Replace the writer's workspace by one without the run, while two points wait."""
    log(writer, 0)
    writer.folder.rename(writer.folder.with_name("moved"))
    writer.folder.mkdir()
    assert writer.follow_workspace(OTHER, {RUN})
    log(writer, 1, 2)


def put_back(writer: JournalWriter) -> None:
    writer.folder.rmdir()
    writer.folder.with_name("moved").rename(writer.folder)


def removed(writer: JournalWriter) -> None:
    """Remove the journal, so that only this process still has it open."""
    log(writer, 0, 1, 2)
    for path in writer.folder.glob("*.log"):
        path.unlink()


def replaced_and_put_back(writer: JournalWriter) -> None:
    replaced(writer)
    put_back(writer)


@pytest.mark.parametrize("prepare", [removed, replaced_and_put_back])
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # an interrupted copy is closed by its object
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("garbage_collected")
def test_an_interrupted_move_is_completed_by_the_next_one(
    tmp_path: Path, prepare: Callable[[JournalWriter], None]
) -> None:
    def case(name: str) -> JournalWriter:
        (tmp_path / name).mkdir()
        writer = JournalWriter(tmp_path / name / "journal", workspace_id=HOME)
        prepare(writer)
        return writer

    counted = case("counted")
    count = places(("/journal/",), lambda: counted.follow_workspace(HOME, set()))
    counted.close()
    assert count > 10
    for at in range(count):
        writer = case(str(at))
        with Interrupts(("/journal/",), at, EXCEPTIONS[at % len(EXCEPTIONS)]) as interrupts, suppress(*EXCEPTIONS):
            writer.follow_workspace(HOME, set())
        assert writer.follow_workspace(HOME, set()), interrupts.where
        assert writer.is_in_place() and not writer.waits_for_workspace, interrupts.where
        writer.flush()
        assert written(writer.folder) == as_written(RUN, points(0, 1, 2)), interrupts.where
        writer.close()


def test_an_interrupt_while_waiting_points_are_sorted_loses_no_point(tmp_path: Path) -> None:
    files = ("/journal/backlog.py",)

    def case(name: str) -> JournalWriter:
        (tmp_path / name).mkdir()
        writer = JournalWriter(tmp_path / name / "journal", workspace_id=HOME)
        replaced(writer)
        put_back(writer)
        return writer

    counted = case("counted")
    count = places(files, lambda: counted.follow_workspace(HOME, set()))
    counted.close()
    assert count > 3
    for at in range(count):
        writer = case(str(at))
        error = EXCEPTIONS[at % len(EXCEPTIONS)]
        with Interrupts(files, at, error) as interrupts, pytest.raises(error):
            writer.follow_workspace(HOME, set())
        assert writer.follow_workspace(HOME, set())
        writer.flush()
        assert written(writer.folder) == as_written(RUN, points(0, 1, 2)), interrupts.where
        writer.close()


def test_a_run_without_a_workspace_at_a_close_is_written_to_its_workspace_later(writer: JournalWriter) -> None:
    replaced(writer)
    put_back(writer)
    assert writer.follow_workspace(HOME, set())
    writer.flush()
    writer.folder.rename(writer.folder.with_name("moved"))
    writer.folder.mkdir()
    assert writer.follow_workspace(OTHER, {RUN})
    writer.close()
    put_back(writer)
    log(writer, 3)
    writer.flush(RUN)
    assert written(writer.folder) == as_written(RUN, points(0, 1, 2, 3))
    writer.close()


def test_the_journal_of_a_log_call_inside_a_log_call_is_put_back_too(writer: JournalWriter) -> None:
    log(writer, 0)
    with writer._lock:  # such as a signal handler that logs within a log call
        log(writer, 1)
    assert len(journals(writer.folder)) == 2
    for path in writer.folder.glob("*.log"):
        path.unlink()
    assert not writer.is_in_place()
    assert writer.follow_workspace(HOME, set())
    writer.flush()
    assert writer.is_in_place()
    assert written(writer.folder) == as_written(RUN, points(0, 1))
    writer.close()


def test_only_the_removed_journal_of_a_log_call_inside_a_log_call_is_missed(writer: JournalWriter) -> None:
    log(writer, 0)
    outer = writer.journal_id
    with writer._lock:
        log(writer, 1)
    for journal_id in journals(writer.folder):
        if journal_id != outer:
            (writer.folder / f"{journal_id}.log").unlink()
    assert not writer.is_in_place()
    assert writer.follow_workspace(HOME, set())
    assert written(writer.folder) == as_written(RUN, points(0, 1))
    writer.close()


def test_points_of_a_run_that_a_backup_does_not_have_wait_and_are_reported(tmp_path: Path, untended: None) -> None:
    """The backup has the same id. When the complete workspace is back, every point is stored."""
    workspace = Workspace.create("work", path=tmp_path / "work")
    experiment = Experiment(workspace, "moved")
    workspace.close()
    shutil.copytree(workspace.path, tmp_path / "backup")
    run = experiment.start_logging(snapshot_directory=None, outputs=False)
    for number in range(3):
        run.log("a", number)
    workspace.path.rename(tmp_path / "whole")
    shutil.copytree(tmp_path / "backup", workspace.path)
    with pytest.raises(StoreUnavailable):
        run.flush()  # the writer notices the move
    for number in range(3, 6):
        run.log("a", number)
    with pytest.raises(
        StoreUnavailable, match="to a run that does not exist in the workspace.* 3 points are not written"
    ):
        run.flush()

    shutil.rmtree(workspace.path)
    (tmp_path / "whole").rename(workspace.path)
    run.flush()
    assert run.get_metrics()["a"] == list(range(6))
    run.complete()
    workspace.close()


class YieldingLock(OwnedLock):  # type: ignore[misc]
    """A lock that lets another thread run once before it is taken."""

    def __init__(self) -> None:
        self.before = lambda: None

    def __enter__(self) -> bool:  # type: ignore[override]
        before, self.before = self.before, lambda: None
        before()
        return bool(self.acquire())


def test_a_run_that_is_released_while_leases_are_renewed_is_not_leased_again(writer: JournalWriter) -> None:
    writer.leases.hold(RUN)
    writer._lock = writer.leases._lock = lock = YieldingLock()
    lock.before = lambda: writer.leases.release(RUN)
    writer.leases.renew()
    journal_id = writer.journal_id
    reader = reader_of(writer.folder, journal_id)
    leases = reader.read(0, (writer.folder / f"{journal_id}.log").stat().st_size).leases
    assert [held for _, _, _, _, held in leases] == [True, False]
    writer.close()


def test_a_journal_is_never_named_while_a_clean_up_has_its_lock(
    writer: JournalWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process slept between writing and naming the file, so a reader mistakes the file for a leftover."""
    publish = JournalFile.publish

    def publish_under_a_clean_up(self: JournalFile, fsync: bool) -> None:
        monkeypatch.setattr(JournalFile, "publish", publish)
        fd = os.open(writer.folder / self._part, os.O_RDONLY)
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            publish(self, fsync)
        finally:
            os.close(fd)

    monkeypatch.setattr(JournalFile, "publish", publish_under_a_clean_up)
    log(writer, 0)
    folder = JournalFolder(writer.folder)
    folder.look()
    (journal_id,) = folder.sizes()
    with folder.lock_of(journal_id) as lock:
        assert lock == "held"
    writer.flush()
    assert written(writer.folder) == as_written(RUN, points(0))
    writer.close()


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # an interrupted copy is closed by its object
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("garbage_collected")
def test_an_interrupted_move_is_either_noticed_or_complete(tmp_path: Path) -> None:
    """A caller moves a writer only if it is not in place, so a half move must not look complete."""

    def case(name: str) -> JournalWriter:
        (tmp_path / name).mkdir()
        writer = JournalWriter(tmp_path / name / "journal", workspace_id=HOME)
        log(writer, 0)
        writer.folder.rename(writer.folder.with_name("moved"))
        writer.folder.mkdir()
        return writer

    counted = case("counted")
    count = places(("/journal/",), lambda: counted.follow_workspace(OTHER, {RUN}))
    counted.close()
    for at in range(count):
        writer = case(str(at))
        with Interrupts(("/journal/",), at, EXCEPTIONS[at % len(EXCEPTIONS)]) as interrupts, suppress(*EXCEPTIONS):
            writer.follow_workspace(OTHER, {RUN})
        if writer.is_in_place():
            log(writer, 1)
            assert journals(writer.folder) == [], f"{interrupts.where}: a point is written to another workspace"
        else:
            assert writer.follow_workspace(OTHER, {RUN}), interrupts.where
        writer.folder.rmdir()
        writer.folder.with_name("moved").rename(writer.folder)
        assert writer.follow_workspace(HOME, set()), interrupts.where
        writer.flush()
        writer.close()
