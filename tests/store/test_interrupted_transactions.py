"""An exception of a signal handler anywhere in a transaction leaves no lock, even while the exception is referenced."""

from __future__ import annotations

import gc
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType

import pytest
from interrupting import EXCEPTIONS, Interrupts, each_place, places

import bridge.store.sql.gate as gate_module
from bridge.journal import locks
from bridge.journal.file_lock import FileLock
from bridge.store.sql.database import Database
from bridge.store.sql.sqlite import open_sqlite

FILES = ("/store/sql/", "/journal/", "/contextlib.py")
INSERT = "INSERT OR REPLACE INTO workspace VALUES ('scene', '1')"

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # for files and connections whose opening was interrupted
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("garbage_collected"),
]


class BlockFailed(Exception):
    """An exception that the block of a transaction raises itself."""


def read(database: Database) -> None:
    with database.read() as connection:
        connection.execute("SELECT count(*) FROM workspace").fetchone()


def read_twice(database: Database) -> None:
    with database.read() as outer:
        outer.execute("SELECT count(*) FROM workspace").fetchone()
        with database.read() as inner:
            inner.execute("SELECT count(*) FROM workspace").fetchone()


def write(database: Database) -> None:
    with database.write() as connection:
        connection.execute(INSERT)


def read_and_fail(database: Database) -> None:
    with pytest.raises(BlockFailed), database.read() as connection:
        connection.execute("SELECT count(*) FROM workspace").fetchone()
        raise BlockFailed


def write_and_fail(database: Database) -> None:
    with pytest.raises(BlockFailed), database.write() as connection:
        connection.execute(INSERT)
        raise BlockFailed


def peek(database: Database) -> None:
    with database.peek() as connection:
        connection.execute("SELECT count(*) FROM workspace").fetchone()


def read_only(database: Database) -> None:
    database.read_only = True
    try:
        read(database)
    finally:
        database.read_only = False


SCENES: dict[str, Callable[[Database], None]] = {
    "a read": read,
    "a read within a read": read_twice,
    "a write": write,
    "a read whose block fails": read_and_fail,
    "a write whose block fails": write_and_fail,
    "a look": peek,
    "a read without write access": read_only,
}


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    open_sqlite(tmp_path / "workspace.db").close()
    monkeypatch.setattr(locks, "WAIT_SECONDS", 0.2)
    monkeypatch.setattr(gate_module, "LEAVE_SECONDS", 0.2)
    database = Database(tmp_path / "workspace.db")
    yield database
    database.close()


def taken(database: Database) -> list[str]:
    """Return the locks that another thread and another process would find held now."""
    found: list[str] = []

    def look() -> None:
        with FileLock(database.path.with_suffix(".lock"), wait=False) as mine:
            if not mine:
                found.append("the turn among processes")
        if database._turn.acquire(blocking=False):
            database._turn.release()
        else:
            found.append("the turn among threads")
        if not gate_module.gate.shut():
            found.append("the way into SQLite")
        gate_module.gate.open()
        stranger = sqlite3.connect(database.path, isolation_level=None, timeout=0)
        try:
            busy, _, _ = stranger.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if busy:
                found.append("the database, by a transaction")
        finally:
            stranger.close()

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(60)
    return [*found, "the lock of calls that open a file"] if thread.is_alive() else found


@pytest.mark.slow
@pytest.mark.parametrize("scene", SCENES)
def test_an_interrupt_anywhere_in_a_transaction_leaves_no_lock(database: Database, scene: str) -> None:
    """This thread makes no further call, and the exception keeps its frames alive, as in a notebook."""
    call = partial(SCENES[scene], database)
    call()
    gc.collect()  # else the databases of earlier tests may be closed as the places are counted
    count = places(FILES, call)
    assert count > 10
    left: list[str] = []
    kept: list[BaseException] = []
    for at, error in each_place(count):
        with Interrupts(FILES, at, error) as interrupts, pytest.raises(error) as raised:
            call()
        kept.append(raised.value)
        left += [f"{one}, after {error.__name__} at {interrupts.where}" for one in taken(database)]
    assert not left, "\n".join(left)
    assert len(kept) == count * len(EXCEPTIONS)
    call()


class TimeIsUp(Exception):
    """The exception of a handler for a time limit."""


def test_real_alarms_leave_no_lock(database: Database) -> None:
    """Each alarm arrives at another moment of a transaction.

    Python does not pass on an exception that a handler raises in the callback of a weak reference. Then the alarm is
    repeated.
    """

    come: list[int] = []

    def handler(number: int, frame: FrameType | None) -> None:
        come.append(number)
        raise TimeIsUp

    kept: list[TimeIsUp] = []
    previous = signal.signal(signal.SIGALRM, handler)
    try:
        while len(kept) < 100:
            try:
                come.clear()
                signal.setitimer(signal.ITIMER_REAL, 0.0001 + 0.000_003 * len(kept))
                while not come:
                    write(database)
            except TimeIsUp as error:
                kept.append(error)
            assert taken(database) == [], f"after {len(kept)} alarms"
    finally:
        signal.signal(signal.SIGALRM, previous)
