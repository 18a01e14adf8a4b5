"""One thread updates all views of a process, and it runs only as long as a view needs it."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Iterator

import pytest
from forked import Child

from bridge_jupyter.watcher import WATCHER, Watcher

NAME = "bridge-notebook"


class Counted:
    """A view that is due a number of times."""

    def __init__(self, times: int, fails: bool = False) -> None:
        self.left, self.fails = times, fails
        self.worked = threading.Event()
        self.threads: set[str] = set()

    @property
    def due(self) -> float:
        return 0.0 if self.left else math.inf

    def work(self) -> None:
        self.threads.add(threading.current_thread().name)
        self.left -= 1
        if self.fails:
            raise RuntimeError("this view is broken")
        if not self.left:
            self.worked.set()


def threads() -> int:
    return sum(thread.name == NAME for thread in threading.enumerate())


def wait_for_end() -> None:
    for thread in threading.enumerate():
        if thread.name == NAME:
            thread.join(10)
            assert not thread.is_alive()


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    watcher = Watcher()
    yield watcher
    for view in list(watcher._views.values()):
        watcher.remove(view)
    wait_for_end()


def test_one_thread_updates_all_views_and_then_ends(watcher: Watcher) -> None:
    views = [Counted(3) for _ in range(5)]
    for view in views:
        watcher.add(view)
    assert threads() <= 1
    assert all(view.worked.wait(10) for view in views)
    wait_for_end()
    assert {name for view in views for name in view.threads} == {NAME}
    assert not watcher.is_running


def test_the_thread_starts_again_for_a_request(watcher: Watcher) -> None:
    view = Counted(1)
    watcher.add(view)
    assert view.worked.wait(10)
    wait_for_end()
    view.worked.clear()
    view.left = 1
    watcher.add(view)
    assert view.worked.wait(10)


def test_a_view_that_fails_does_not_stop_the_others(watcher: Watcher) -> None:
    broken, view = Counted(1000, fails=True), Counted(3)
    watcher.add(broken)
    watcher.add(view)
    assert view.worked.wait(10)
    assert broken.left >= 998


def test_a_removed_view_is_not_updated(watcher: Watcher) -> None:
    view = Counted(10**9)
    watcher.add(view)
    watcher.remove(view)
    wait_for_end()
    assert not watcher.is_running


def test_a_forked_child_has_no_views() -> None:
    view = Counted(10**9)
    WATCHER.add(view)
    try:
        child = Child(lambda say: say(f"{os.getpid()} {WATCHER.is_running} {len(WATCHER._views)}"))
        assert child.line() == f"{child.pid} False 0"
        assert child.wait() == 0
        assert WATCHER.is_running
    finally:
        WATCHER.remove(view)
        wait_for_end()


def test_a_view_that_is_due_later_does_not_keep_the_processor_busy(watcher: Watcher) -> None:
    class Later(Counted):
        @property
        def due(self) -> float:
            return self.at

        at = time.monotonic() + 0.2

        def work(self) -> None:
            super().work()
            self.at = math.inf

    view = Later(1)
    watcher.add(view)
    assert view.worked.wait(10)
    assert view.left == 0
