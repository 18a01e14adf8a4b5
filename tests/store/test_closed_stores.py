"""A closed workspace leaves no lock, no open file, and no state that a later workspace at its path could inherit."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from interrupting import EXCEPTIONS, Interrupts, each_place, places

from bridge import Experiment, Run, StoreUnavailable, Workspace
from bridge.records.run import RunRecord
from bridge.store import open_stores as open_module
from bridge.store.background import Background
from bridge.store.create import create_store
from bridge.store.journaled import JournaledStore
from bridge.store.sql import database as database_module
from bridge.store.sql import gate as gate_module
from bridge.store.sql.database import Database

HANGS_SECONDS = 20.0


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "work"


def start(workspace: Workspace) -> Run:
    return Experiment(workspace, "closed").start_logging(snapshot_directory=None, outputs=False)


def open_files(folder: Path) -> list[str]:
    """Return the paths of the open files of this process in a folder."""
    identities: set[tuple[int, int]] = set()
    for fd in os.listdir("/dev/fd"):
        try:
            state = os.fstat(int(fd))
        except OSError:
            continue  # the descriptor of the listing, or of another thread, is closed by now
        identities.add((state.st_dev, state.st_ino))
    states = {str(path): path.stat() for path in folder.rglob("*")}
    return [path for path, state in states.items() if (state.st_dev, state.st_ino) in identities]


@pytest.mark.usefixtures("untended")
def test_a_workspace_recreated_after_a_close_is_a_new_one_even_with_the_same_inode(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File systems reuse the inode of a removed file."""
    state_of, identity_of = open_module.stat_database, database_module.identity_of  # type: ignore[attr-defined]

    def one_inode(path: Path) -> os.stat_result:
        fields = list(state_of(path))
        fields[1] = 1
        return os.stat_result(fields)

    def one_identity(file: str) -> tuple[int, int]:
        return identity_of(file)[0], 1

    monkeypatch.setattr(open_module, "stat_database", one_inode)
    monkeypatch.setattr(database_module, "identity_of", one_identity)
    ids: list[str] = []
    for number in range(2):
        workspace = Workspace.create("work", path=place)
        ids.append(workspace.id)
        run = start(workspace)
        run.log("loss", float(number))
        assert run.get_metrics() == {"loss": float(number)}
        run.complete()
        workspace.close()
        with closing(sqlite3.connect(place / "workspace.db")) as database:
            assert database.execute("SELECT value FROM workspace WHERE name = 'id'").fetchone() == (ids[number],)
            assert database.execute("SELECT id, status FROM run").fetchall() == [(run.id, "Completed")]
        shutil.rmtree(place)
    assert ids[0] != ids[1]


@pytest.mark.usefixtures("untended")
def test_runs_can_be_logged_to_after_their_workspace_was_missing_at_a_close(place: Path) -> None:
    moved, other = place.with_name("moved"), place.with_name("other")
    workspace = Workspace.create("work", path=place)
    run_id = start(workspace).id
    Run.get(workspace, run_id).log("loss", 1.0)
    Workspace.create("other", path=other).close()
    place.rename(moved)
    other.rename(place)
    with pytest.raises(StoreUnavailable):
        workspace.close()

    place.rename(other)
    moved.rename(place)
    run = Run.get(Workspace.open(place), run_id)
    run.log("loss", 2.0)
    run.flush()
    assert run.get_metrics() == {"loss": [1.0, 2.0]}


@pytest.mark.usefixtures("untended")
def test_a_close_that_does_not_wait_for_a_thread_leaves_the_database_unlocked(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread waits inside SQLite for another program, which locks the database during the close."""
    monkeypatch.setattr(gate_module, "LEAVE_SECONDS", 0.1)
    workspace = Workspace.create("work", path=place)
    run = start(workspace)
    run.complete()
    connection = Database._connection
    inside = threading.Event()

    def note(self: Database) -> sqlite3.Connection:
        found = connection(self)
        if threading.current_thread() is writer:
            inside.set()
        return found

    monkeypatch.setattr(Database, "_connection", note)
    writer = threading.Thread(target=run.tag, args=("key", "value"))
    with closing(sqlite3.connect(place / "workspace.db", isolation_level=None, timeout=1.0)) as other:
        other.execute("BEGIN IMMEDIATE")
        writer.start()
        assert inside.wait(HANGS_SECONDS)
        workspace.close()
        other.execute("ROLLBACK")
        writer.join(HANGS_SECONDS)
        assert not writer.is_alive()
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")
    assert Run.get(Workspace.open(place), run.id).tags == {"key": "value"}


@pytest.fixture
def background(monkeypatch: pytest.MonkeyPatch) -> Background:
    """Return the background of the stores of a test. It has no thread: it works when the test tells it to."""
    background = Background()
    background._thread = threading.current_thread()
    monkeypatch.setattr(JournaledStore, "_background", background)
    return background


def test_a_store_that_owns_a_run_after_an_interrupted_close_is_tended(place: Path, background: Background) -> None:
    """Otherwise its process would not renew the lease of the run."""
    files = ("/store/journaled.py", "/store/background.py", "/store/owned_runs.py")
    tracking = create_store(place, "work").tracking
    tracking.create_runs([RunRecord("r1", "0")])

    def own() -> None:
        tracking.hold_lease("r1")
        assert tracking.is_tended and tracking in background._stores

    own()
    count = places(files, tracking.close)
    assert count > 10
    for at, error in each_place(count, len(EXCEPTIONS)):
        own()
        with Interrupts(files, at, error), pytest.raises(error):
            tracking.close()
        own()
    tracking.close()
    assert tracking not in background._stores


def test_a_close_during_background_work_leaves_no_file_open(
    place: Path, background: Background, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace.create("work", path=place)
    run = start(workspace)
    run.log("loss", 0.5)
    run.complete()
    assert str(place / "workspace.db") in open_files(place)
    store = workspace.stores.tracking
    tend = store.tend
    tended: list[JournaledStore] = []

    def close_first() -> None:
        tended.append(store)
        workspace.close()
        tend()

    # Only for this store: the background thread of the process may still serve stores that earlier tests left open.
    monkeypatch.setattr(store, "tend", close_first)
    background._tend_all()
    assert tended == [store]
    assert open_files(place) == []
