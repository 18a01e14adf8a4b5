"""Threads of one process that log, read, close and fork at once."""

from __future__ import annotations

import os
import threading
import time

import pytest

pytestmark = pytest.mark.processes


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


class Busy:
    """Threads that call functions without pause while a block runs; what they raise is kept."""

    def __init__(self, *functions):
        self.errors = []
        self._stop = False
        self._threads = [threading.Thread(target=self._work, args=(function,)) for function in functions]

    def _work(self, function):
        while not self._stop:
            try:
                function()
            except BaseException as error:
                self.errors.append(repr(error))

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop = True
        for thread in self._threads:
            thread.join()


def test_a_fork_while_other_threads_are_inside_sqlite_leaves_a_child_that_works(fork, run):
    """A lock of SQLite that another thread holds at the fork would stay locked in the child for ever."""
    run.log("point", -1)

    def child(say):
        run.log("point", 1)
        say("logged")

    with Busy(run.get_metrics, run.get_metrics, lambda: run.tag("key", time.time())):
        for _ in range(200):
            begun = fork(child)
            assert begun.wait_for(10) == 0, "the child hangs"
            begun.close()

    assert len(run.get_metrics("point")["point"]) == 201


def test_a_store_may_be_closed_while_other_threads_use_it(workspace, run):
    """Nobody sees a closed connection, and no point is lost or there twice."""
    counts = [0, 0]

    def use(number):
        run.log(f"point{number}", counts[number])
        counts[number] += 1
        if counts[number] % 20 == 0:
            run.get_metrics()
            run.tag("key", counts[number])

    with Busy(lambda: use(0), lambda: use(1)) as busy:
        for _ in range(100):
            workspace._opened.tracking.close()
            time.sleep(0.01)

    assert busy.errors == []
    assert run.get_metrics() == {f"point{n}": list(range(counts[n])) for n in (0, 1)}


def test_a_thread_that_ended_leaves_no_connection_open(run):
    run.log("point", 1)
    run.get_metrics()
    before = descriptors()
    for _ in range(20):
        thread = threading.Thread(target=run.get_metrics)
        thread.start()
        thread.join()

    assert descriptors() <= before + 3
