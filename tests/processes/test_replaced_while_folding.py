"""The folder, database or journals of a workspace can be replaced while another process reads and folds them."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bridge import Experiment, NotFound, Run, StoreUnavailable, Workspace
from bridge.journal.file_lock import FileLock
from bridge.store import cuts
from bridge.store.open import open_store
from bridge.store.slices import Slice
from bridge.store.sql.backend import SqlBackend

pytestmark = [pytest.mark.processes, pytest.mark.usefixtures("untended")]

POINTS = 200


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "work"


def start(workspace: Workspace) -> Run:
    return Experiment(workspace, "replaced").start_logging(snapshot_directory=None, outputs=False)


def journals(workspace: Path) -> list[str]:
    return sorted(path.name for path in (workspace / "journal").glob("*.log"))


def logging_child(place: Path) -> Callable[[Callable[[str], None]], None]:
    """Run a process that creates a workspace, logs to a run, and dies without closing its journal."""

    def log(say: Callable[[str], None]) -> None:
        run = start(Workspace.create("work", path=place))
        for number in range(POINTS):
            run.log("loss", float(number))
        say(run.id)

    return log


def test_a_fold_does_not_remove_the_journals_of_a_workspace_that_is_moved_away(fork, place, monkeypatch):
    """Another workspace replaces it between two transactions of the fold, and must not get the second one."""
    moved, other = place.with_name("moved"), place.with_name("other")
    child = fork(logging_child(place))
    run_id = child.line()
    assert child.wait() == 0
    assert fork(lambda say: Workspace.create("other", path=other)).wait() == 0
    store = open_store(place).tracking
    monkeypatch.setattr(cuts, "FOLD_BYTES", 4096)
    monkeypatch.setattr(cuts, "LEAST_BYTES", 4096)
    append, appended = SqlBackend.append, []

    def move_before_the_second(self: SqlBackend, slices: Sequence[Slice]) -> dict[str, int]:
        appended.append(slices)
        if len(appended) == 2:
            place.rename(moved)
            other.rename(place)
        return append(self, slices)

    monkeypatch.setattr(SqlBackend, "append", move_before_the_second)
    with pytest.raises(StoreUnavailable, match="was replaced by another workspace"):
        store.get_series_of([run_id])

    monkeypatch.setattr(SqlBackend, "append", append)
    assert len(journals(moved)) == 1
    assert Run.get(Workspace.open(moved), run_id).get_metrics()["loss"] == list(range(POINTS))


def test_a_reader_folds_the_journals_of_the_workspace_that_replaced_the_one_it_opened(fork, place, caplog):
    first = fork(logging_child(place))
    first_id = first.line()
    assert first.wait() == 0
    workspace = Workspace.open(place)
    assert Run.get(workspace, first_id).get_metrics()["loss"] == list(range(POINTS))

    place.rename(place.with_name("old"))
    second = fork(logging_child(place))
    second_id = second.line()
    assert second.wait() == 0
    assert Run.get(workspace, second_id).get_metrics()["loss"] == list(range(POINTS))
    assert "belongs to another workspace" not in caplog.text


def test_a_journal_that_its_process_has_put_back_is_read_at_once(fork, place):
    """The reader knew the removed file, and now finds another file of the same name."""
    ends = os.pipe()

    def log(say: Callable[[str], None]) -> None:
        run = start(Workspace.create("work", path=place))
        say(run.id)
        for number in range(3):
            run.log("loss", float(number))
            run.flush()
            say("flushed")
            os.read(ends[0], 1)

    child = fork(log)
    run_id = child.line()
    assert child.line() == "flushed"
    run = Run.get(Workspace.open(place), run_id)
    assert run.get_metrics()["loss"] == 0.0
    for number in (1, 2):
        for path in (place / "journal").glob("*.log"):
            path.unlink()
        os.write(ends[1], b"x")
        assert child.line() == "flushed"
        assert run.get_metrics()["loss"] == list(range(number + 1))
    os.write(ends[1], b"x")
    assert child.wait() == 0
    for end in ends:
        os.close(end)


def test_a_journal_stays_if_a_database_restored_from_a_backup_does_not_have_it(fork, place, monkeypatch):
    """The backup is restored after the last transaction of a fold, and before the fold removes the journal."""
    backup = place.with_name("backup.db")

    def log(say: Callable[[str], None]) -> None:
        run = start(Workspace.create("work", path=place))
        with closing(sqlite3.connect(place / "workspace.db")) as database:
            database.execute("VACUUM INTO ?", (str(backup),))
        for number in range(POINTS):
            run.log("loss", float(number))
        say(run.id)

    child = fork(log)
    run_id = child.line()
    assert child.wait() == 0
    workspace = Workspace.open(place)
    finished = workspace.stores.tracking._folding._finished
    remove = finished.remove

    def put_back_first(*arguments: Any) -> None:
        monkeypatch.setattr(finished, "remove", remove)
        for end in ("-wal", "-shm"):
            (place / f"workspace.db{end}").unlink(missing_ok=True)
        backup.replace(place / "workspace.db")
        remove(*arguments)

    monkeypatch.setattr(finished, "remove", put_back_first)
    run = Run.get(workspace, run_id)  # this read folds
    assert not backup.exists()
    assert run.get_metrics()["loss"] == list(range(POINTS))


def test_a_fold_that_waits_for_another_process_keeps_its_folder_while_a_removed_journal_is_put_back(place, monkeypatch):
    """A flush in another thread puts the journal back, and must not close the folder that the waiting fold uses."""
    run = start(Workspace.create("work", path=place))
    run.log("loss", 0.5)
    wait, flushes = FileLock._wait_for_turn, list[Any]()
    with (place / "journal" / ".fold.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # like another process that folds

        def put_back_meanwhile(self: FileLock) -> None:
            if self._path == ".fold.lock" and not flushes:
                for path in (place / "journal").glob("*.log"):
                    path.unlink()
                flushes.append(threading.Thread(target=run.flush))
                flushes[0].start()
                flushes[0].join(0.5)
                fcntl.flock(lock, fcntl.LOCK_UN)
            wait(self)

        monkeypatch.setattr(FileLock, "_wait_for_turn", put_back_meanwhile)
        assert run.get_metrics()["loss"] == 0.5
    flushes[0].join()
    run.log("loss", 1.5)
    assert run.get_metrics()["loss"] == [0.5, 1.5]
    run.complete()


def test_a_workspace_that_replaces_another_while_its_journals_are_put_back_does_not_get_them(fork, place, monkeypatch):
    """The journals wait until their own workspace is back, and reads do not find the run until then."""
    moved, other = place.with_name("moved"), place.with_name("other")
    assert fork(lambda say: Workspace.create("other", path=other)).wait() == 0
    run = start(Workspace.create("work", path=place))
    for number in range(3):
        run.log("loss", float(number))
    (journal,) = (place / "journal").glob("*.log")
    journal.unlink()
    find, replaced = SqlBackend.find_workspace_id, list[bool]()

    def replace_afterwards(self: SqlBackend) -> str:
        found = find(self)
        if not replaced:
            replaced.append(True)
            place.rename(moved)
            other.rename(place)
        return found

    monkeypatch.setattr(SqlBackend, "find_workspace_id", replace_afterwards)
    tracking = run.experiment.workspace.stores.tracking
    tracking._check_place()
    tracking._check_place()
    assert journals(place) == []
    run.log("loss", 3.0)
    with pytest.raises(NotFound):
        run.get_metrics()
    with pytest.raises(StoreUnavailable):
        run.flush()
    place.rename(other)
    moved.rename(place)
    run.flush()
    assert run.get_metrics()["loss"] == list(range(4))
    run.complete()
