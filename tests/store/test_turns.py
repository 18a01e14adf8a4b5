"""Writers of a database wait for each other, but never without a limit, and never for themselves."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from forked import Child

import bridge.journal.locks as locks
import bridge.store.sql.database as database_module
import bridge.store.sql.gate as gate_module
from bridge import Experiment, Run, Workspace
from bridge.errors import StoreUnavailable
from bridge.journal.file_lock import FileLock
from bridge.store.sql.database import Database
from bridge.store.sql.sqlite import open_sqlite


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create("work", path=tmp_path / "work")


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "WAIT_SECONDS", 0.5)


@pytest.fixture
def stopped(workspace: Workspace) -> Iterator[Child]:
    """Run a process that is stopped within a transaction."""

    def hold(say: Callable[[str], None]) -> None:
        with Database(workspace.path / "workspace.db").write() as connection:
            connection.execute("INSERT INTO workspace VALUES ('stopped', 'here')")
            say("inside")
            os.kill(os.getpid(), signal.SIGSTOP)
        say("done")

    child = Child(hold)
    assert child.line() == "inside"
    os.waitid(os.P_PID, child.pid, os.WSTOPPED)
    yield child
    child.kill(signal.SIGCONT)
    child.close()


@pytest.mark.processes
def test_writes_are_refused_while_a_stopped_process_holds_the_lock_and_work_afterwards(
    workspace: Workspace, soon: None
) -> None:
    run = Experiment(workspace, "digits").start_logging(snapshot_directory=None, outputs=False)
    run.log("loss", 0.5)
    calls: list[Callable[[], object]] = [
        lambda: run.tag("a", "b"),
        lambda: run.complete(),
        lambda: run.experiment.start_logging(snapshot_directory=None, outputs=False),
        lambda: run.get_metrics(),
    ]

    def hold(say: Callable[[str], None]) -> None:
        with Database(workspace.path / "workspace.db").write():
            say("inside")
            os.kill(os.getpid(), signal.SIGSTOP)
        say("done")

    child = Child(hold)
    try:
        assert child.line() == "inside"
        os.waitid(os.P_PID, child.pid, os.WSTOPPED)
        assert Run.get(workspace, run.id).status == "Running"  # a read without a fold does not wait
        for call in calls:
            with pytest.raises(StoreUnavailable, match=f"process {child.pid} on host"):
                call()
        run.log("loss", 0.25)  # does not wait
        child.kill(signal.SIGCONT)
        assert child.line() == "done"
    finally:
        child.close()
    run.tag("a", "b")
    assert run.get_metrics() == {"loss": [0.5, 0.25]}
    run.complete()
    assert Run.get(workspace, run.id).status == "Completed"


@pytest.mark.processes
def test_threads_that_wait_for_a_waiting_thread_report_the_process_that_holds_the_lock(
    workspace: Workspace, stopped: Child, soon: None
) -> None:
    database, said = Database(workspace.path / "workspace.db"), []

    def write() -> None:
        try:
            with database.write():
                pass
        except StoreUnavailable as error:
            said.append(str(error))

    threads = [threading.Thread(target=write) for _ in range(4)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert time.monotonic() - start < 20
    assert len(said) == 4
    assert all(f"process {stopped.pid} on host" in sentence for sentence in said)
    database.close()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    open_sqlite(tmp_path / "workspace.db").close()
    database = Database(tmp_path / "workspace.db")
    yield database
    database.close()


def test_a_read_within_a_read_sees_the_same_state(database: Database) -> None:
    """A signal handler can start one while it interrupts another."""
    other = Database(database.path)
    with database.read() as outer:
        outer.execute("SELECT count(*) FROM workspace").fetchone()
        with other.write() as connection:
            connection.execute("INSERT INTO workspace VALUES ('new', '1')")
        with database.read() as inner:
            assert inner.execute("SELECT count(*) FROM workspace").fetchone() == (0,)
        assert outer.in_transaction
    with database.read() as connection:
        assert connection.execute("SELECT count(*) FROM workspace").fetchone() == (1,)
    other.close()


def test_a_handler_that_writes_while_its_own_thread_waits_for_the_lock_is_refused_at_once(
    database: Database, soon: None
) -> None:
    refused: list[StoreUnavailable] = []

    def handler(*_: object) -> None:
        try:
            with database.write():
                pass
        except StoreUnavailable as error:
            refused.append(error)

    previous = signal.signal(signal.SIGALRM, handler)
    try:
        with FileLock(database.path.with_suffix(".lock")) as mine:
            assert mine
            signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)  # again, because the first may come before the wait
            with pytest.raises(StoreUnavailable, match=f"process {os.getpid()} on host"), database.write():
                pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert any("a signal handler or finalizer needs it" in str(error) for error in refused)
    with database.write():
        pass


def test_a_thread_waits_with_a_limit_for_a_thread_that_holds_the_lock(database: Database, soon: None) -> None:
    shut, done = threading.Event(), threading.Event()

    def shutter() -> None:
        gate_module.gate.shut()
        shut.set()
        done.wait(20)
        gate_module.gate.open()

    thread = threading.Thread(target=shutter)
    thread.start()
    assert shut.wait(20)
    with pytest.raises(StoreUnavailable, match="another thread of this process has taken too long"), database.read():
        pass
    done.set()
    thread.join(20)
    with database.read():
        pass


def test_connections_of_threads_that_have_ended_are_closed(database: Database) -> None:
    def read() -> None:
        with database.read():
            pass

    for _ in range(20):
        thread = threading.Thread(target=read)
        thread.start()
        thread.join(20)
    assert len(database._connections) == 1
    database.close_ended()
    assert database._connections == {}


def test_a_lock_inside_sqlite_has_our_time_limit(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that does not use our lock, such as `sqlite3`, may have the database locked."""
    assert database_module.BUSY_SECONDS <= locks.WAIT_SECONDS
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 0.2)
    stranger = sqlite3.connect(database.path, isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="database is locked"), database.write():
        pass
    stranger.execute("COMMIT")
    stranger.close()
    with database.write():
        pass
