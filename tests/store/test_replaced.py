"""If a workspace's folder was recreated, or restored from a backup, open processes use the new one."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from forked import Fork, Say

from bridge import Experiment, Run, Workspace
from bridge.errors import NotFound, SchemaMismatch, StoreUnavailable
from bridge.store.open_stores import was_open
from bridge.store.sql.database import Database
from bridge.store.sql.migrate import FOLDER, SCHEMA, read_schema
from bridge.store.sql.sqlite import open_sqlite


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create("work", path=tmp_path / "work")


def start(workspace: Workspace) -> Run:
    return Experiment(workspace, "digits").start_logging(snapshot_directory=None, outputs=False)


def make_elsewhere(folder: Path, name: str = "other") -> None:
    """Create a workspace as another process does, so that this process does not know it."""
    pid = os.fork()
    if pid == 0:
        try:
            Workspace.create(name, path=folder)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)


def replace_by_another(workspace: Workspace) -> Path:
    """Replace a workspace by another one, and return the new path of the old one."""
    gone = workspace.path.with_name("gone")
    workspace.path.rename(gone)
    make_elsewhere(workspace.path)
    return gone


def rows(folder: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(folder / "workspace.db")) as database:
        return database.execute(statement).fetchall()


def test_an_open_process_writes_to_the_workspace_that_is_now_at_the_path(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    old = start(workspace)
    old_id = workspace.id
    gone = replace_by_another(workspace)
    before = rows(gone, "SELECT count(*) FROM run"), rows(gone, "SELECT count(*) FROM label")
    with caplog.at_level(logging.WARNING, "bridge"):
        with pytest.raises(NotFound, match=old.id):
            old.tag("a", "b")
        with pytest.raises(NotFound):
            Run.get(workspace, old.id)
        new = start(workspace)
        new.tag("a", "b")
    assert Run.get(Workspace.open(workspace.path), new.id).tags == {"a": "b"}
    assert rows(workspace.path, "SELECT id FROM run") == [(new.id,)]
    assert (rows(gone, "SELECT count(*) FROM run"), rows(gone, "SELECT count(*) FROM label")) == before
    said = [record.getMessage() for record in caplog.records if "was replaced" in record.getMessage()]
    assert said == [
        f"The workspace at {workspace.path} was replaced by another workspace, which this process uses now. "
        "It does not find runs that only the former workspace contained."
    ]
    assert (workspace.name, workspace.id != old_id) == ("other", True)
    assert workspace.id == Workspace.open(workspace.path).id


def test_a_workspace_restored_from_a_backup_gets_the_changes(workspace: Workspace, tmp_path: Path) -> None:
    """The restored workspace has the same id."""
    run = start(workspace)
    shutil.copytree(workspace.path, tmp_path / "backup", copy_function=shutil.copy2)
    run.tag("after", "the backup")
    shutil.rmtree(workspace.path)
    shutil.copytree(tmp_path / "backup", workspace.path, copy_function=shutil.copy2)
    run.tag("a", "b")
    assert dict(run.tags) == {"a": "b"}
    statement = "SELECT n.key FROM label l JOIN name n ON n.id = l.name WHERE n.key IN ('a', 'after')"
    assert rows(workspace.path, statement) == [("a",)]
    assert workspace.stores.tracking.inner.database.generation == 1  # type: ignore[attr-defined]


def test_nothing_is_created_where_a_workspace_was_removed(workspace: Workspace) -> None:
    run = start(workspace)
    gone = workspace.path.with_name("gone")
    workspace.path.rename(gone)
    calls = [
        lambda: run.tag("a", "b"),
        lambda: run.status,
        lambda: start(workspace),
        lambda: run.upload_file("a.txt", __file__),
        lambda: run.get_file_names(),
    ]
    for call in calls:
        with pytest.raises((StoreUnavailable, NotFound)):
            call()
    assert not workspace.path.exists()
    workspace.path.mkdir()
    for call in calls:
        with pytest.raises((StoreUnavailable, NotFound)):
            call()
    assert list(workspace.path.iterdir()) == []
    assert was_open(workspace.path)
    workspace.path.rmdir()
    gone.rename(workspace.path)
    run.tag("a", "b")
    run.complete()
    assert workspace.stores.tracking.inner.database.generation == 0  # type: ignore[attr-defined]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    Workspace.create("work", path=tmp_path / "work")
    database = Database(tmp_path / "work" / "workspace.db")
    with database.read():
        pass
    yield database
    database.close()


def replace_file(database: Database, other: Path) -> Path:
    """Replace the file of a database, and return the new path of the old one."""
    gone = database.path.with_name("gone.db")
    for end in ("", "-wal", "-shm"):
        place = Path(f"{database.path}{end}")
        if place.exists():
            place.rename(f"{gone}{end}")
    other.rename(database.path)
    return gone


def another(tmp_path: Path) -> Path:
    make_elsewhere(tmp_path / "other")
    return tmp_path / "other" / "workspace.db"


INSERT = "INSERT INTO workspace VALUES ('new', '1')"
COUNT = "SELECT count(*) FROM workspace WHERE name = 'new'"


def test_a_change_during_which_the_workspace_is_replaced_raises_and_is_stored_in_neither(
    database: Database, tmp_path: Path
) -> None:
    other = another(tmp_path)
    with pytest.raises(StoreUnavailable, match="another workspace replaced it"), database.write() as c:
        c.execute(INSERT)
        gone = replace_file(database, other)
    for path in (gone, database.path):
        with closing(sqlite3.connect(path)) as raw:
            assert raw.execute(COUNT).fetchone() == (0,)
    with database.write() as c:
        c.execute(INSERT)
    with database.read() as c:
        assert c.execute(COUNT).fetchone() == (1,)
    assert database.generation == 1


def test_each_thread_notices_a_replaced_workspace(database: Database, tmp_path: Path) -> None:
    other, replaced, go_on, names = another(tmp_path), threading.Event(), threading.Event(), []

    def read() -> None:
        for event in (None, go_on):
            if event is not None:
                replaced.set()
                event.wait(20)
            with database.read() as c:
                names.append(c.execute("SELECT value FROM workspace WHERE name = 'name'").fetchone()[0])

    thread = threading.Thread(target=read)
    thread.start()
    assert replaced.wait(20)
    replace_file(database, other)
    with database.read():
        pass
    go_on.set()
    thread.join(20)
    assert names == ["work", "other"]
    assert database.generation == 1


def test_a_database_of_another_program_is_neither_used_nor_changed(database: Database, tmp_path: Path) -> None:
    for number, content in enumerate([b"", b"not a database" * 100]):
        (tmp_path / "file").write_bytes(content)
        gone = replace_file(database, tmp_path / "file")
        with pytest.raises(StoreUnavailable):
            with database.write() as c:
                c.execute(INSERT)
        with pytest.raises(StoreUnavailable), database.read():
            pass
        assert database.path.read_bytes() == content
        database.path.unlink()
        for end in ("", "-wal", "-shm"):
            if Path(f"{gone}{end}").exists():
                Path(f"{gone}{end}").rename(f"{database.path}{end}")
        with database.read() as c:
            assert c.execute(COUNT).fetchone() == (0,)
        assert database.generation == 0, number


def test_a_backup_of_an_older_version_is_upgraded_and_one_of_a_newer_version_refused(
    database: Database, tmp_path: Path
) -> None:
    for schema in (1, SCHEMA + 1):
        with closing(sqlite3.connect(tmp_path / "file", isolation_level=None)) as raw:
            raw.execute("PRAGMA journal_mode=WAL")
            raw.executescript((FOLDER / "0001.sql").read_text())
            raw.execute("INSERT INTO workspace VALUES ('id', 'w1'), ('name', 'first')")
            raw.execute(f"PRAGMA user_version={schema}")
        replace_file(database, tmp_path / "file")
        if schema > SCHEMA:
            with pytest.raises(SchemaMismatch), database.write():
                pass
            continue
        with database.write() as c:
            assert read_schema(c) == SCHEMA
            c.execute(INSERT)
    assert database.generation == 1


def test_the_file_of_a_removed_database_is_not_touched_when_its_connections_close(
    database: Database, tmp_path: Path
) -> None:
    """SQLite removes its own files by their paths, which now belong to the new database."""
    with database.write() as c:
        c.execute(INSERT)
    replace_file(database, another(tmp_path))
    other = open_sqlite(database.path)
    with other.database.write() as c:
        c.execute(INSERT)
    wal = Path(f"{database.path}-wal")
    identity = wal.stat().st_ino
    with database.read() as c:  # drops the old connection
        assert c.execute(COUNT).fetchone() == (1,)
    assert wal.stat().st_ino == identity
    other.close()


def file_with_inode(inode: int, folder: Path) -> Path:
    """Return a new file beside a folder that has an inode, or any new file if the system does not give this inode."""
    for number in range(4_000):
        made = folder / f"made{number}"
        made.touch()
        if made.stat().st_ino == inode:
            break
    return made.rename(folder.with_name("made"))


def test_a_forked_child_does_not_take_a_new_workspace_for_the_removed_one(workspace: Workspace, fork: Fork) -> None:
    """A fork closes the connections, and the system then gives the inode of a removed file to the next new file."""
    old_id, inode = workspace.id, (workspace.path / "workspace.db").stat().st_ino

    def recreate(say: Say) -> None:
        new = workspace.path.with_name("new")
        Workspace.create("work", path=new)
        (workspace.path / "workspace.db").unlink()
        database = file_with_inode(inode, workspace.path)
        shutil.rmtree(workspace.path)
        shutil.copyfile(new / "workspace.db", database)
        database.replace(new / "workspace.db")
        new.rename(workspace.path)
        run = start(Workspace.open(workspace.path))
        run.log("loss", 0.5)
        say(run.experiment.workspace.id)
        say(run.id)
        say(repr(run.get_metrics()))
        run.complete()

    child = fork(recreate)
    assert child.line() != old_id
    run_id = child.line()
    assert child.rest() == ["{'loss': 0.5}"]
    assert child.wait() == 0
    assert Run.get(Workspace.open(workspace.path), run_id).get_metrics() == {"loss": 0.5}
