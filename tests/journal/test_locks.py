"""Processes wait for a lock in a queue and with a time limit, and no interrupt leaves it held."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from forked import Child, Say
from interrupting import Interrupts, Own
from open_files import open_at

import bridge.journal.file_lock as file_lock
import bridge.journal.locks as locks
import bridge.journal.own_file as own_file
from bridge.errors import StoreUnavailable
from bridge.journal.file_lock import FileLock
from bridge.journal.locks import LockTaken, OwnedLock, ThreadLock, quick_block


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "work.lock"


@pytest.fixture
def holder(path: Path) -> Iterator[Child]:
    """Start a process that holds the lock until it is ended."""

    def hold(say: Callable[[str], None]) -> None:
        with FileLock(path):
            say("locked")
            time.sleep(60)

    child = Child(hold)
    assert child.line() == "locked"
    yield child
    child.close()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "WAIT_SECONDS", 0.3)


def is_free(path: Path) -> bool:
    with FileLock(path, wait=False) as mine:
        return mine


def eventually(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + 20
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def test_a_caller_that_does_not_wait_is_refused_at_once(path: Path, holder: Child) -> None:
    with FileLock(path, wait=False) as mine:
        assert not mine
    holder.close()
    assert is_free(path)


def test_a_stopped_process_is_named_when_the_time_limit_is_over(path: Path, holder: Child, soon: None) -> None:
    os.kill(holder.pid, signal.SIGSTOP)
    expected = rf"process {holder.pid} on host \S+ has held this lock since 20\S+Z: resume that process"
    before = len(open_at(path))
    for _ in range(3):
        with pytest.raises(StoreUnavailable, match=expected), FileLock(path):
            pass
    assert len(file_lock._left) == 1  # the next caller takes over the previous one's place in the queue
    assert len(open_at(path)) == before + 1
    os.kill(holder.pid, signal.SIGCONT)
    holder.close()
    assert eventually(lambda: not file_lock._left and is_free(path))
    assert eventually(lambda: len(open_at(path)) == before)


def test_a_waiting_caller_gets_the_lock_when_it_is_released(path: Path, holder: Child) -> None:
    threading.Timer(0.2, holder.kill).start()
    with FileLock(path) as mine:
        assert mine
        assert not is_free(path)
    assert is_free(path)


def test_an_abandoned_place_in_the_queue_is_taken_over(path: Path, holder: Child, soon: None) -> None:
    with pytest.raises(StoreUnavailable), FileLock(path):
        pass
    locks.WAIT_SECONDS = 20.0  # restored by the fixture
    threading.Timer(0.2, holder.kill).start()
    with FileLock(path) as mine:
        assert mine
        assert not is_free(path)
    assert is_free(path)
    assert file_lock._left == []


def test_an_exception_of_a_signal_handler_ends_the_wait_and_leaves_no_lock(path: Path, holder: Child) -> None:
    def interrupt(*_: object) -> None:
        raise TimeoutError("the usual timeout recipe")

    before = len(open_at(path))
    previous = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(TimeoutError, match="usual"), FileLock(path):
            pass
    finally:
        signal.signal(signal.SIGALRM, previous)
    holder.close()
    assert eventually(lambda: is_free(path))
    assert eventually(lambda: len(open_at(path)) == before)


def test_a_child_forked_while_the_lock_is_held_does_not_hold_it(path: Path) -> None:
    with FileLock(path):
        child = Child(lambda say: time.sleep(60))
    with closing(child):
        assert eventually(lambda: is_free(path))


def test_a_child_forked_while_another_thread_opens_the_file_does_not_hold_the_lock(path: Path, soon: None) -> None:
    opened, forked = threading.Event(), threading.Event()

    def open_slowly(name: str, flags: int) -> int:
        descriptor = os.open(name, flags | os.O_CREAT)
        opened.set()
        forked.wait(0.5)  # the fork must wait for this call
        return descriptor

    def take() -> None:
        lock = FileLock(path)
        lock._opener = open_slowly
        with lock:
            pass

    def look(say: Say) -> None:
        signal.alarm(60)
        # The thread of the parent may hold the lock for a moment.
        say(f"free: {eventually(lambda: is_free(path))}")
        time.sleep(60)

    thread = threading.Thread(target=take)
    thread.start()
    assert opened.wait(20)
    child = Child(look)
    with closing(child):
        forked.set()
        thread.join()
        assert child.line() == "free: True"
        assert is_free(path)


def test_a_fork_does_not_wait_for_ever_for_a_file_that_cannot_be_opened(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_file, "OPENING_SECONDS", 0.05)
    opened, forked = threading.Event(), threading.Event()

    def hang(name: str, flags: int) -> int:
        opened.set()
        assert forked.wait(20)
        return os.open(name, flags | os.O_CREAT)

    file = own_file.OwnFile()
    thread = threading.Thread(target=lambda: file.open(str(path), "r+", hang))
    thread.start()
    assert opened.wait(20)
    child = Child(lambda say: say(f"free: {is_free(path)}"))
    forked.set()
    thread.join()
    file.close()
    assert child.line() == "free: True"
    child.close()


def test_a_child_can_be_forked_while_another_thread_waits(path: Path, holder: Child, soon: None) -> None:
    with pytest.raises(StoreUnavailable), FileLock(path):
        pass
    child = Child(lambda say: time.sleep(60))
    holder.close()
    with closing(child):
        assert eventually(lambda: is_free(path))


def test_the_file_has_the_requested_mode_and_can_be_in_an_open_folder(path: Path) -> None:
    fd = os.open(path.parent, os.O_RDONLY)
    before = os.umask(0o077)
    try:
        with FileLock("work.lock", 0o664, dir_fd=fd):
            assert path.stat().st_mode & 0o777 == 0o664
    finally:
        os.umask(before)
        os.close(fd)


def test_a_link_at_the_path_is_refused_and_its_target_not_changed(path: Path) -> None:
    """Otherwise another user of a shared workspace could have the holder's name written into any file of this user."""
    target = path.with_name("mine")
    path.symlink_to(target)
    for content in (None, b"precious"):
        if content is not None:
            target.write_bytes(content)
        with pytest.raises(OSError, match="symbolic links"), FileLock(path):
            pass
        assert (target.read_bytes() if target.exists() else None) == content


def test_a_lock_file_that_its_holder_removes_does_not_count_as_the_lock_of_later_callers(path: Path) -> None:
    inside, waiting = threading.Event(), threading.Event()

    def wait() -> None:
        waiting.set()
        with FileLock(path):
            inside.set()
            assert not is_free(path)

    thread = threading.Thread(target=wait)
    with FileLock(path):
        thread.start()
        assert waiting.wait(20)
        time.sleep(0.1)
        path.unlink()
    thread.join(20)
    assert inside.is_set()
    assert path.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="record locks of an opened file are Linux's")
def test_without_flock_record_locks_are_used(path: Path, monkeypatch: pytest.MonkeyPatch, soon: None) -> None:
    refuse_flock(monkeypatch)
    with FileLock(path):
        assert not is_free(path)
        with pytest.raises(StoreUnavailable, match=f"process {os.getpid()} on host"), FileLock(path):
            pass
    assert eventually(lambda: is_free(path))


def test_without_any_locks_work_continues_with_one_warning(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    refuse_flock(monkeypatch)
    monkeypatch.setattr(file_lock, "_SET_RECORD_LOCK", None)
    monkeypatch.setattr(file_lock, "_has_warned", False)
    for _ in range(2):
        with FileLock(path) as mine:
            assert mine
    assert [record.getMessage() for record in caplog.records] == [
        "This file system has no file locks: only one process at a time may write to a workspace on it."
    ]


def refuse_flock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulate a file system without locks: this C function fails with EINVAL for a descriptor and an operation."""
    monkeypatch.setattr(fcntl, "flock", os.getpriority)


def test_a_thread_that_takes_its_own_lock_again_is_refused_at_once() -> None:
    lock = ThreadLock("the journals")
    with lock:
        with pytest.raises(StoreUnavailable, match="the journals is not available: a signal handler"), lock:
            pass
        with pytest.raises(LockTaken), lock.at_once():
            pass
        assert lock.is_mine()
    assert not lock.is_mine()
    with lock.at_once():
        assert lock.is_mine()
    assert not lock.is_mine()


def test_a_quick_block_takes_and_releases_its_own_lock() -> None:
    lock, other = OwnedLock(), OwnedLock()
    first, second = quick_block(lock), quick_block(other)
    with first, lock, suppress(KeyError):
        with first:
            assert (lock.is_mine(), other.is_mine()) == (True, False)
            raise KeyError
    assert not lock.is_mine()
    with second:
        assert (lock.is_mine(), other.is_mine()) == (False, True)
    assert not other.is_mine()


def test_a_thread_that_holds_a_lock_is_named_when_the_time_limit_is_over(soon: None) -> None:
    lock, inside, done = ThreadLock("the journals"), threading.Event(), threading.Event()

    def keep() -> None:
        with lock:
            inside.set()
            done.wait(20)

    thread = threading.Thread(target=keep, name="keeper")
    thread.start()
    assert inside.wait(20)
    with pytest.raises(LockTaken), lock.at_once():
        pass
    with pytest.raises(StoreUnavailable, match="thread 'keeper' of this process has used it for"), lock:
        pass
    done.set()
    thread.join(20)
    with lock:
        pass


def interrupt_at(number: int, work: Callable[[], None]) -> BaseException | None:
    """Raise at place `number` of those in both modules where a signal handler may run; None if there are fewer."""
    interrupts = Interrupts(("/journal/locks.py", "/journal/file_lock.py", "/journal/own_file.py"), number - 1)
    try:
        with interrupts:
            work()
    except Own as error:
        return error
    assert not interrupts.where, f"swallowed at {interrupts.where}"
    return None


def test_an_interrupt_anywhere_leaves_no_lock_held(path: Path) -> None:
    """This holds even while the exception and its frames are referenced, as a notebook does with the last exception."""
    lock = ThreadLock("the journals")

    def work() -> None:
        with lock, FileLock(path):
            os.getpid()
        with suppress(LockTaken), lock.at_once():
            os.getpid()
        path.unlink()

    work()
    before, kept = len(open_at(path)), []
    for number in range(1, 1000):
        error = interrupt_at(number, work)
        if error is None:
            break
        kept.append(error)
        assert not lock.is_mine(), number
        assert is_free(path), number
        assert len(open_at(path)) <= before, number
    assert 20 < len(kept) < 1000


@pytest.mark.slow
def test_an_interrupt_anywhere_in_a_wait_leaves_no_lock_held(path: Path) -> None:
    before, kept = len(open_at(path)), []
    for number in range(1, 1000):
        with FileLock(path) as mine:
            assert mine
            taken = os.dup(locked_fd(path))

        def work(taken: int = taken) -> None:
            threading.Timer(0.01, os.close, (taken,)).start()
            with FileLock(path):
                os.getpid()

        error = interrupt_at(number, work)
        assert eventually(lambda: is_free(path)), number
        assert eventually(lambda: len(open_at(path)) == before), number
        if error is None:
            break
        kept.append(error)
    assert 20 < len(kept) < 1000


def locked_fd(path: Path) -> int:
    return next(file.fileno() for file in own_file._files if not file.closed and file.name == str(path))
