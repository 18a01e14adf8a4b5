"""When the last reference to a database goes, its connections are closed before the garbage collector finds them."""

from __future__ import annotations

import gc
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from forked import Fork
from open_files import open_at

from bridge.store.sql import connection as connection_module
from bridge.store.sql import gate as gate_module
from bridge.store.sql.connection import Connection
from bridge.store.sql.database import Database
from bridge.store.sql.sqlite import create_sqlite

HANGS_SECONDS = 30.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "workspace.db"
    create_sqlite(path, {"id": "0" * 32, "name": "dropped"})
    return path


@pytest.fixture
def collected_on_request() -> Iterator[None]:
    gc.collect()
    gc.freeze()  # the objects of other tests, so that collections take little time
    gc.disable()
    yield
    gc.enable()
    gc.collect()


def times_open(path: Path) -> int:
    """Return how many descriptors this process has for a database or its log."""
    return len(open_at(path))


def read(database: Database) -> None:
    with database.read() as connection:
        connection.execute("SELECT 1 FROM workspace").fetchone()


def in_cycle(database: Database) -> None:
    """Leave a database to a cycle of garbage, whose members are collected in the order of their creation."""
    database.cycle = [database]  # type: ignore[attr-defined]


class Watched(Connection):
    """A connection that records whether it is open when it is collected. Python 3.13 warns if it is."""

    left_open: list[sqlite3.Connection]

    def __del__(self) -> None:
        try:
            self.execute("SELECT 1")
        except sqlite3.ProgrammingError:
            return
        self.left_open.append(self)


@pytest.fixture
def left_open(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[sqlite3.Connection]:
    """Collect connections that were open. They are older than any database, so the collector meets them first."""
    found: list[sqlite3.Connection] = []
    older = [Watched.__new__(Watched) for _ in range(2)]
    for connection in older:
        connection.left_open = found

    class Older(Watched):
        def __new__(cls) -> Watched:  # type: ignore[misc]  # an instance that exists already
            return older.pop()

    monkeypatch.setattr(connection_module, "Connection", Older)
    return found


@pytest.mark.usefixtures("collected_on_request")
def test_connections_of_a_database_in_a_cycle_of_garbage_are_closed_before_they_are_collected(
    path: Path, left_open: list[sqlite3.Connection]
) -> None:
    database = Database(path)
    read(database)
    other = threading.Thread(target=read, args=(database,))
    other.start()
    other.join()
    in_cycle(database)
    assert times_open(path) > 2
    del database
    assert times_open(path) > 2
    gc.collect()
    assert left_open == []
    assert times_open(path) == 0


@pytest.mark.usefixtures("collected_on_request")
def test_a_transaction_that_was_interrupted_is_dropped_with_its_database(path: Path) -> None:
    database = Database(path)
    using = database.write()
    using.__enter__().execute("INSERT INTO workspace VALUES ('kept', 'no')")
    in_cycle(database)
    del database, using
    gc.collect()
    assert times_open(path) == 0
    with closing(Database(path)) as again, again.write() as connection:
        assert connection.execute("SELECT 1 FROM workspace WHERE name = 'kept'").fetchone() is None


def interrupt(*_: object) -> None:
    """As a signal handler that raises an error."""
    raise InterruptedError


def test_a_connection_whose_opening_was_interrupted_is_closed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "urandom", interrupt)
        with pytest.raises(InterruptedError):
            read(database)
    assert (times_open(path), database._opened) == (0, {})
    read(database)
    database.close()


@pytest.mark.usefixtures("collected_on_request")
def test_connections_whose_closing_was_interrupted_are_closed_later(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, other = Database(path), Database(path)
    read(database)
    gate_module._left.extend(database._opened.items())
    with monkeypatch.context() as patch:
        patch.setattr(gate_module, "close", interrupt)
        with pytest.raises(InterruptedError):
            gate_module.close_left_at_once()
    read(other)
    other.close()
    assert (times_open(path), len(gate_module._left)) == (0, 0)


@pytest.mark.usefixtures("collected_on_request")
@pytest.mark.parametrize("is_known", [True, False], ids=["a thread that has used SQLite", "another thread"])
def test_the_collector_does_not_wait_for_a_fork_or_a_close_in_another_thread(path: Path, is_known: bool) -> None:
    """The collector may run in a thread whose lock the fork waits for. The connections are closed after the fork."""
    database, other = Database(path), Database(path)
    read(database)
    in_cycle(database)
    del database
    shut, collected = threading.Event(), threading.Event()
    waited: list[bool] = []
    open_still: list[bool] = []

    def close() -> None:
        assert gate_module.gate.shut()
        shut.set()
        waited.append(not collected.wait(HANGS_SECONDS))
        gate_module.open_gate()

    def collect() -> None:
        if is_known:
            read(other)
        closer.start()
        assert shut.wait(HANGS_SECONDS)
        gc.collect()
        open_still.append(times_open(path) > 0)
        collected.set()

    closer, collecting = threading.Thread(target=close), threading.Thread(target=collect)
    collecting.start()
    for thread in (collecting, closer):
        thread.join(HANGS_SECONDS)
    assert (waited, open_still) == ([False], [True])
    other.close()
    assert times_open(path) == 0


@pytest.mark.processes
def test_a_child_that_drops_a_database_closes_no_connection_of_its_parent(
    path: Path, monkeypatch: pytest.MonkeyPatch, fork: Fork
) -> None:
    """A connection is open in a child only if a thread stayed in SQLite during the fork."""
    monkeypatch.setattr(gate_module, "LEAVE_SECONDS", 0.1)
    databases, other = [Database(path)], Database(path)
    read(databases[0])
    inside, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with other.read():
            inside.set()
            leave.wait(HANGS_SECONDS)

    def drop(say: Callable[[str], None]) -> None:
        before = times_open(path)
        for database in (other, *databases):
            database.forget()
        del database
        databases.clear()
        gc.collect()
        say(f"{before} {times_open(path)}")

    thread = threading.Thread(target=stay)
    thread.start()
    assert inside.wait(HANGS_SECONDS)
    before, after = fork(drop).line().split()
    leave.set()
    thread.join(HANGS_SECONDS)
    other.close()
    databases[0].close()
    assert int(before) > 0
    assert after == before


SCRIPT = """
import gc, os, sys, threading
from bridge import Experiment, Workspace
from bridge.store import open_stores as stores

sys.unraisablehook = lambda unraisable: (print(unraisable.exc_value), os._exit(1))
for number in range(20):
    workspace = Workspace.create("work", path=f"work{number}")
    run = Experiment(workspace, "dropped").start_logging(snapshot_directory=None, outputs=False)
    run.log("loss", 1.0)
    run.complete()
    assert run.get_metrics() == {"loss": 1.0}
    other = threading.Thread(target=run.get_metrics)
    other.start()
    other.join()
    store = workspace.stores.open_store.tracking
    store.cycle = [store, store.inner, store.inner.database, *store.inner.database._connections.values()]
    for key in list(stores._stores):
        del stores._stores[key]
    del workspace, run, other, store
gc.collect()
"""


def test_workspaces_that_a_process_drops_cause_no_warning(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", SCRIPT], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
