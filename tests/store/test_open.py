"""The stores of a workspace can be opened and created, also by several threads and processes at the same time."""

from __future__ import annotations

import errno
import fcntl
import gc
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from forked import Child
from open_files import open_at

import bridge.store.open_stores as open_module
from bridge import Experiment, Run, SchemaMismatch, Workspace
from bridge.errors import NotFound, StoreUnavailable
from bridge.records.search import ExperimentQuery
from bridge.store.create import create_store, ensure_store
from bridge.store.open import open_store
from bridge.store.open_stores import IDLE_STORES, close_idle
from bridge.store.sql.migrate import FOLDER, SCHEMA


def test_the_workspaces_own_durability_holds_after_another_was_asked_for(tmp_path):
    create_store(tmp_path / "made", "work", durability="power").tracking.close()
    (tmp_path / "made").rename(tmp_path / "work")

    assert open_store(tmp_path / "work", "process").durability == "process"
    assert open_store(tmp_path / "work").durability == "power"
    assert open_store(tmp_path / "work", "power") is open_store(tmp_path / "work")


def test_threads_can_create_one_workspace_at_once(tmp_path):
    """Every thread gets the workspace, whichever thread created it. No incomplete file remains."""
    for attempt in range(5):
        barrier, ids = threading.Barrier(4), list[str]()

        def make(folder=tmp_path / str(attempt), barrier=barrier, ids=ids):
            barrier.wait()
            ids.append(create_store(folder, "work", exist_ok=True).id)

        threads = [threading.Thread(target=make) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(ids) == 4 and len(set(ids)) == 1
        assert list((tmp_path / str(attempt)).glob(".*.part*")) == []


def test_every_file_of_a_shared_workspace_is_writable_by_its_group(tmp_path):
    before = os.umask(0o022)
    try:
        store = create_store(tmp_path / "work", "work", shared=True).tracking
        (tmp_path / "work" / "journal" / "0.log").write_bytes(b"")
        store._folding.fold()
    finally:
        os.umask(before)

    lock = tmp_path / "work" / "journal" / ".fold.lock"
    assert lock.stat().st_mode & 0o777 == 0o664


def test_a_database_of_a_newer_version_is_refused_and_not_changed(tmp_path: Path) -> None:
    """The error of an open names the remedy. A store that was open during the upgrade refuses writes, but no point."""
    workspace = Workspace.create("work", path=tmp_path / "work")
    run = Experiment(workspace, "newer").start_logging()
    run.log("loss", 0.5)
    database = sqlite3.connect(workspace.path / "workspace.db")
    database.execute("PRAGMA user_version=99")
    database.commit()

    with pytest.raises(
        SchemaMismatch, match=rf"uses format 99, but this version reads formats up to {SCHEMA}\. Upgrade runbridge\."
    ):
        run.tag("a", "b")
    run.log("loss", 0.25)  # the point goes to the journal, which a newer process folds
    with pytest.raises(SchemaMismatch, match="Upgrade runbridge"):
        Workspace.open(workspace.path, durability="power")
    assert list((workspace.path / "journal").glob("*.log"))

    database.execute(f"PRAGMA user_version={SCHEMA}")
    database.commit()
    database.close()
    assert run.get_metrics() == {"loss": [0.5, 0.25]}
    assert run.tags == {}
    run.complete()


def descriptors(folder: Path) -> int:
    """Return how many descriptors of this process belong to files in a folder, removed files included."""
    return len(open_at(folder))


def own_threads() -> int:
    """Return how many threads of Runbridge run; other packages start threads too, during any test."""
    return sum(thread.name.startswith("bridge") for thread in threading.enumerate())


def use(workspace: Workspace) -> str:
    with Experiment(workspace, "digits").start_logging(snapshot_directory=None, outputs=False) as run:
        run.log("loss", 0.5)
        assert run.get_metrics() == {"loss": 0.5}
    return run.id


def test_unused_workspaces_keep_few_files_and_threads_open(tmp_path: Path) -> None:
    gc.collect()
    gc.freeze()  # the objects of other tests, so that the collections below take little time
    close_idle()
    threads = own_threads()
    for number in range(40):
        use(Workspace.create("work", path=tmp_path / str(number)))
        gc.collect()
    assert descriptors(tmp_path) <= (IDLE_STORES + 1) * 8
    close_idle()
    end = time.monotonic() + 20  # the background may be reading a store that was just closed
    while (descriptors(tmp_path) or own_threads() > threads) and time.monotonic() < end:
        time.sleep(0.05)
    assert descriptors(tmp_path) == 0
    assert own_threads() <= threads


def test_an_unused_workspace_is_closed_after_a_while_and_one_in_use_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used, dropped = (Workspace.create("work", path=tmp_path / name) for name in ("used", "dropped"))
    use(used)
    use(dropped)
    run = Experiment(Workspace.create("work", path=tmp_path / "running"), "digits").start_logging(
        snapshot_directory=None, outputs=False
    )
    run_id = run.id
    del dropped, run
    gc.collect()
    close_idle(IDLE_STORES)
    is_open = {str(tmp_path / name): True for name in ("used", "dropped", "running")}
    assert {path: any(key[0] == path for key in open_module._stores) for path in is_open} == is_open
    monkeypatch.setattr(open_module, "IDLE_SECONDS", 0.0)
    close_idle(IDLE_STORES)
    is_open[str(tmp_path / "dropped")] = False
    assert {path: any(key[0] == path for key in open_module._stores) for path in is_open} == is_open
    Run.get(Workspace.open(tmp_path / "running"), run_id).complete()


def test_one_background_thread_serves_all_workspaces_of_a_process(tmp_path: Path) -> None:
    workspaces = [Workspace.create("work", path=tmp_path / str(number)) for number in range(3)]
    runs = [Experiment(ws, "digits").start_logging(snapshot_directory=None, outputs=False) for ws in workspaces]
    for run in runs:
        run.log("loss", 0.5)
    assert [thread.name for thread in threading.enumerate()].count("bridge-fold") == 1

    def is_folded(workspace: Workspace) -> bool:
        with closing(sqlite3.connect(workspace.path / "workspace.db")) as database:
            return bool(database.execute("SELECT count(*) FROM point_block").fetchone()[0])

    end = time.monotonic() + 60
    while not all(map(is_folded, workspaces)) and time.monotonic() < end:
        time.sleep(0.05)
    assert all(map(is_folded, workspaces))
    for run in runs:
        run.complete()


def test_a_workspace_can_be_closed_and_used_again(tmp_path: Path) -> None:
    workspace = Workspace.create("work", path=tmp_path / "work")
    run_id = use(workspace)
    before = descriptors(tmp_path)
    workspace.close()
    assert descriptors(tmp_path) < before
    assert list((workspace.path / "journal").glob("*.log")) == [] or Run.get(workspace, run_id).status == "Completed"
    assert Run.get(workspace, run_id).get_metrics() == {"loss": 0.5}
    with Workspace.open(workspace.path) as again:
        run = Experiment(again, "digits").start_logging(snapshot_directory=None, outputs=False)
        run.log("loss", 1.5)
    assert run.status == "Running"  # this process has started it and continues
    run.log("loss", 2.5)
    run.complete()
    assert run.get_metrics() == {"loss": [1.5, 2.5]}


def test_a_workspace_that_could_not_be_opened_again_at_first_is_not_closed_while_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace.create("work", path=tmp_path / "work")
    workspace.close()

    def locked(_: object) -> dict[str, str]:
        raise StoreUnavailable("workspace.db", "database is locked")

    with monkeypatch.context() as patch, pytest.raises(StoreUnavailable):
        patch.setattr(open_module.OpenStore, "facts", locked)
        use(workspace)
    use(workspace)
    close_idle()
    assert workspace.stores.tracking in [store.tracking for store in open_module._stores.values()]


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_listing_changes_nothing_and_reports_what_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("BRIDGE_HOME", str(tmp_path))
    for name in ("one", "broken", "newer"):
        Workspace.create(name)
    (tmp_path / "old").mkdir()
    with closing(sqlite3.connect(tmp_path / "old" / "workspace.db", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.executescript((FOLDER / "0001.sql").read_text())
        database.execute("PRAGMA user_version=1")
        database.execute("INSERT INTO workspace VALUES ('id', 'w1'), ('name', 'first'), ('durability', 'process')")
    with closing(sqlite3.connect(tmp_path / "newer" / "workspace.db")) as database:
        database.execute("PRAGMA user_version=99")
    gc.collect()
    close_idle()
    (tmp_path / "broken" / "workspace.db").write_bytes(b"no database at all" * 100)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "workspace.db").touch()
    before = snapshot(tmp_path)

    found = Workspace.list()
    assert {name: [ws.path.name for ws in workspaces] for name, workspaces in found.items()} == {
        "first": ["old"],
        "one": ["one"],
    }
    assert found["first"][0].id == "w1"
    assert snapshot(tmp_path) == before
    said = [record.getMessage() for record in caplog.records]
    assert all(sentence.startswith("A workspace is excluded from the list: ") for sentence in said)
    for name in ("broken", "empty", "newer"):
        assert sum(f"{tmp_path}/{name}/workspace.db" in sentence for sentence in said) == 1
    assert found["first"][0].experiments.keys() <= {"Default"}  # it is opened on first use
    assert use(found["one"][0])


@pytest.fixture
def no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def link(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", link)


@pytest.mark.processes
def test_a_file_system_without_hard_links_is_enough(tmp_path: Path, no_links: None) -> None:
    """This holds even if eight processes create the workspace, and one is killed before or after the rename."""
    for attempt in range(4):
        folder = tmp_path / str(attempt)

        def make(say: Callable[[str], None], folder: Path = folder) -> None:
            sys.stdin.close()
            say(Workspace.create("work", path=folder, exist_ok=True).id)

        def make_and_die(say: Callable[[str], None], folder: Path = folder, attempt: int = attempt) -> None:
            rename = Path.rename

            def dying(self: Path, target: Path) -> None:
                if attempt % 2:
                    rename(self, target)
                os.kill(os.getpid(), signal.SIGKILL)

            Path.rename = dying  # type: ignore[assignment,method-assign]
            Workspace.create("work", path=folder, exist_ok=True)

        children = [Child(make_and_die if number in (0, 4) else make) for number in range(8)]
        ids = [line for child in children for line in child.rest()]
        for child in children:
            child.wait()
            child.close()
        assert len(ids) >= 6
        assert set(ids) == {Workspace.open(folder).id}
        assert use(Workspace.open(folder))


def test_create_reports_that_sqlite_cannot_work_where_files_cannot_be_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("flock", "lockf"):  # a C function that fails with EINVAL for a descriptor and an operation
        monkeypatch.setattr(fcntl, name, os.getpriority)
    with pytest.raises(StoreUnavailable, match="the file system does not support file locks, which SQLite needs"):
        Workspace.create("work", path=tmp_path / "work")
    assert list((tmp_path / "work").glob("*work*")) == []


@pytest.mark.skipif(sys.platform != "linux", reason="record locks of an opened file are Linux's")
def test_points_and_runs_work_without_flock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "file").open("wb") as file:
        # A C function that fails with EINVAL if it is called as `flock(fd, LOCK_EX | LOCK_NB)`.
        monkeypatch.setattr(fcntl, "flock", partial(os.lseek, file.fileno()))
        assert use(Workspace.create("work", path=tmp_path / "work"))
        monkeypatch.undo()


NEW_PLACES = """
import sys, time
from pathlib import Path
from bridge.store.create import ensure_store

folder = Path(sys.argv[1])
(folder / f"ready-{sys.argv[2]}").touch()
while not (folder / "go").exists():
    time.sleep(0.001)
for number in range(10):
    opened = ensure_store(folder / f"new {number}")
    opened.tracking.create_experiment(sys.argv[2], 1)
    print(opened.id)
"""


@pytest.mark.processes
def test_processes_that_open_a_new_folder_at_once_share_one_workspace(tmp_path):
    words = [sys.executable, "-c", NEW_PLACES, str(tmp_path)]
    ranks = [
        subprocess.Popen([*words, str(rank)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for rank in range(8)
    ]
    while len(list(tmp_path.glob("ready-*"))) < 8:
        assert all(rank.poll() is None for rank in ranks)
        time.sleep(0.01)
    (tmp_path / "go").touch()
    printed = [rank.communicate(timeout=100) for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0] * 8, printed
    assert len({ids for ids, _ in printed}) == 1, "they have different workspaces"
    lines = [line for _, said in printed for line in said.splitlines()]
    assert sorted(lines) == [
        f"Created the workspace new {number} in {tmp_path}/new {number}, because this folder did not exist."
        for number in range(10)
    ]
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"go", *(f"ready-{rank}" for rank in range(8)), *(f"new {number}" for number in range(10))}
    for number in range(10):
        found = open_store(tmp_path / f"new {number}").tracking.search_experiments(ExperimentQuery()).items
        assert {one.name for one in found} == {"Default", *(str(rank) for rank in range(8))}


def test_a_new_workspace_is_created_only_in_an_existing_folder(tmp_path, caplog):
    opened = ensure_store(tmp_path / "new")
    assert (opened.name, opened.address) == ("new", str(tmp_path / "new"))
    assert caplog.messages == [f"Created the workspace new in {tmp_path}/new, because this folder did not exist."]
    assert ensure_store(tmp_path / "new") is opened
    assert Workspace.open(tmp_path / "new").name == "new"
    create = re.escape(f"Workspace.create('deeper', path='{tmp_path}/none/deeper')")
    with pytest.raises(NotFound, match=create):
        ensure_store(tmp_path / "none" / "deeper")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    for place in ("empty", "file", "link", "file/new"):
        with pytest.raises(NotFound):
            ensure_store(tmp_path / place)
    with pytest.raises(StoreUnavailable, match="file name too long"):
        ensure_store(tmp_path / ("a" * 300))
    assert {path.name for path in tmp_path.iterdir()} == {"new", "empty", "file", "link"}
    assert list((tmp_path / "empty").iterdir()) == [] and len(caplog.messages) == 1


def test_a_folder_that_this_process_had_open_is_not_recreated(tmp_path):
    ensure_store(tmp_path / "new").tracking.close()
    create_store(tmp_path / "made", "made").tracking.close()
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("new", "made"):
        shutil.rmtree(tmp_path / name)
        for place in (tmp_path / name, tmp_path / "link" / name):
            with pytest.raises(NotFound, match="its folder was removed after this process had opened it"):
                ensure_store(place)
        assert not (tmp_path / name).exists()
    line = "import sys; from bridge.store.create import ensure_store; ensure_store(sys.argv[1])"
    subprocess.run([sys.executable, "-c", line, str(tmp_path / "new")], check=True, capture_output=True)
    assert ensure_store(tmp_path / "new").name == "new"  # another process has created it


def test_a_new_database_is_synced_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the sync fails, no file remains."""
    database = tmp_path / "work" / "workspace.db"
    synced: list[tuple[int, int, bool]] = []
    sync = os.fsync

    def watched(number: int) -> None:
        state = os.fstat(number)
        synced.append((state.st_ino, state.st_size, database.exists()))
        sync(number)

    monkeypatch.setattr(os, "fsync", partial(os.read, -1))
    with pytest.raises(StoreUnavailable, match="Bad file descriptor"):
        Workspace.create("work", path=database.parent)
    assert list(database.parent.glob("*work*")) == []
    monkeypatch.setattr(os, "fsync", watched)
    workspace = Workspace.create("work", path=database.parent)
    state = database.stat()
    assert synced == [(state.st_ino, state.st_size, False)]
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert use(workspace)
