"""Threads, signal handlers and forks of one process log, read and close at the same time."""

from __future__ import annotations

import contextlib
import resource
import signal
import threading
import time
from typing import Any

import pytest
from open_files import open_below

from bridge.records.series import Point

pytestmark = pytest.mark.processes


class Busy:
    """Threads that call functions without pause while a block runs; their exceptions are recorded."""

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


def test_a_child_forked_while_other_threads_are_inside_sqlite_works(fork, run):
    """A lock of SQLite that another thread holds at the fork would stay locked in the child indefinitely."""
    run.log("point", -1)

    def child(say):
        run.log("point", 1)
        say("logged")

    with Busy(run.get_metrics, run.get_metrics, lambda: run.tag("key", time.time())):
        for _ in range(100):
            begun = fork(child)
            assert begun.wait_for(10) == 0, "the child hangs"
            begun.close()

    assert len(run.get_metrics("point")["point"]) == 101


def test_a_store_can_be_closed_while_other_threads_use_it(workspace, run):
    """No thread gets a closed connection, and no point is lost or stored twice."""
    counts = [0, 0]

    def use(number):
        run.log(f"point{number}", counts[number])
        counts[number] += 1
        if counts[number] % 20 == 0:
            run.get_metrics()
            run.tag("key", counts[number])

    with Busy(lambda: use(0), lambda: use(1)) as busy:
        for _ in range(100):
            workspace.stores.tracking.close()
            time.sleep(0.01)

    assert busy.errors == []
    assert run.get_metrics() == {f"point{n}": list(range(counts[n])) for n in (0, 1)}


def test_a_thread_that_ended_leaves_no_connection_open(run):
    run.log("point", 1)
    run.get_metrics()
    folder = run.experiment.workspace.path
    before = len(open_below(folder))
    assert before
    for _ in range(20):
        thread = threading.Thread(target=run.get_metrics)
        thread.start()
        thread.join()

    assert len(open_below(folder)) <= before + 3


def test_complete_records_of_a_short_write_are_not_written_again(fork, run):
    """A reader may have stored them before the writer knows that the write was short."""
    rounds, batch = 150, 100

    def write(say):
        store = run.experiment.workspace.stores.tracking
        store.get_runs([run.id], latest=False)  # SQLite creates its files before the limit is set
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (3 * batch * 48 // 2, resource.RLIM_INFINITY))
        store.log(run.id, "point", -1, 0)
        with Busy(lambda: sum(range(1000))):  # so that another thread runs after each write
            for number in range(rounds):
                store.log_points(run.id, [Point("point", number * batch + i, 0) for i in range(batch)])
        store.flush()

    child = fork(write)
    while child.wait_for(0.01) is None:
        run.get_metrics()
    assert child.wait() == 0

    assert run.get_metrics("point")["point"] == list(range(-1, rounds * batch))


def test_a_signal_handler_can_log_within_a_log_call(fork, run):
    """Neither call waits for the other, and both points are stored. The handler can also set a tag."""

    def write(say):
        count = 0
        handling = False

        def handle(*_):
            nonlocal count, handling
            if not handling:
                handling = True
                run.log(f"handler{count // 10}", count)
                run.flush()
                count += 1
                handling = False

        signal.signal(signal.SIGALRM, handle)
        signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
        number = 0
        while count < 200:
            run.log(f"main{number // 1000}", number)
            number += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
        say(f"{number} {count}")

    child = fork(write)
    assert child.wait_for(60) == 0, "the handler waits for the call that it interrupts"
    number, count = map(int, child.line().split())
    metrics = run.get_metrics()
    for name, logged in (("main", number), ("handler", count)):
        series = [points for key, points in metrics.items() if key.startswith(name)]
        assert [v for points in series for v in (points if isinstance(points, list) else [points])] == [*range(logged)]


def test_an_interrupted_log_call_loses_no_later_point(fork, run):
    """In a notebook a cell may be interrupted and run again, even if its series was new."""

    def write(say):
        armed = False

        def handle(*_):
            if armed:
                raise KeyboardInterrupt

        signal.signal(signal.SIGALRM, handle)
        for number in range(10_000):
            with contextlib.suppress(KeyboardInterrupt):
                armed = True
                signal.setitimer(signal.ITIMER_REAL, number % 80 * 1e-6 + 1e-6)
                run.log(f"key{number}", 0)
                armed = False
            armed = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            run.log(f"key{number}", 1)

    child = fork(write)
    assert child.wait() == 0
    metrics = run.get_metrics()
    assert [key for key in (f"key{n}" for n in range(10_000)) if metrics.get(key) not in (1, [0, 1])] == []


def test_a_child_forked_while_a_thread_folds_holds_no_lock(fork, run, monkeypatch):
    """The child inherits the lock with the descriptor, but not the thread that would release it."""
    drain = run.experiment.workspace.stores.tracking._folding
    store_some = drain._store_some
    children: list[Any] = []

    def store_and_fork(fold):
        if not children:
            children.append(fork(lambda say: time.sleep(60)))
        store_some(fold)

    monkeypatch.setattr(drain, "_store_some", store_and_fork)
    run.log("loss", 1)
    assert run.get_metrics() == {"loss": 1}
    run.log("loss", 2)
    begun = time.monotonic()
    assert run.get_metrics() == {"loss": [1, 2]} and children
    assert time.monotonic() - begun < 30
