"""An exception of a signal handler at any place of a transaction leaves nothing taken, whoever keeps the exception."""

from __future__ import annotations

import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType

import pytest
from interrupting import EXCEPTIONS, Interrupts, each_place, places

import bridge.store.sql.database as database_module
from bridge.journal import locks
from bridge.store.sql.database import Database
from bridge.store.sql.sqlite import open_sqlite

FILES = ("/store/sql/", "/journal/", "/contextlib.py")
INSERT = "INSERT OR REPLACE INTO workspace VALUES ('scene', '1')"

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of files and connections whose opening was interrupted
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


class BlockFailed(Exception):
    """What the block of a transaction raises by itself."""


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
    "a read of who may not write": read_only,
}


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    open_sqlite(tmp_path / "workspace.db").close()
    monkeypatch.setattr(locks, "WAIT_SECONDS", 0.2)
    monkeypatch.setattr(database_module, "LEAVE_SECONDS", 0.2)
    database = Database(tmp_path / "workspace.db")
    yield database
    database.close()


def taken(database: Database) -> list[str]:
    """What another thread and another process would find taken now."""
    found: list[str] = []

    def look() -> None:
        with locks.FileLock(database.path.with_suffix(".lock"), wait=False) as mine:
            if not mine:
                found.append("the turn among processes")
        if database._turn.acquire(blocking=False):
            database._turn.release()
        else:
            found.append("the turn among threads")
        if not database_module._gate.shut():
            found.append("the way into SQLite")
        database_module._gate.open()
        stranger = sqlite3.connect(database.path, isolation_level=None, timeout=0)
        try:
            busy, _, _ = stranger.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if busy:
                found.append("the database, by a transaction")
        finally:
            stranger.close()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("scene", SCENES)
def test_an_interrupt_at_any_place_of_a_transaction_leaves_nothing_taken(database: Database, scene: str) -> None:
    """This thread makes no further call, and the exception keeps all frames that it passed, as in a notebook."""
    call = partial(SCENES[scene], database)
    call()
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
    """What a handler of a time limit raises."""


def test_real_alarms_leave_nothing_taken(database: Database) -> None:
    """Each comes at another moment of a transaction.

    Python keeps what a handler raises in the callback of a weak reference to itself: then there is another alarm.
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
