"""Many processes log to one run at the same time, and none waits for another."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
from typing import Any

import pytest

from bridge import Experiment, Run, Workspace

pytestmark = pytest.mark.processes

WRITERS, POINTS = 16, 2_000
HANGS_SECONDS = 120.0


def test_sixteen_processes_log_while_another_holds_every_lock(fork, workspace, run):
    """All 32,000 calls return while the database and the fold are locked. Afterwards every point is stored once."""

    def hold(say):
        connection = sqlite3.connect(workspace.path / "workspace.db", isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        locks = [workspace.path / "workspace.lock", workspace.path / "journal" / ".fold.lock"]
        for lock in locks:
            fcntl.flock(os.open(lock, os.O_RDWR | os.O_CREAT, 0o644), fcntl.LOCK_EX)
        say("locked")
        time.sleep(HANGS_SECONDS)

    def write(number, say):
        own = Run.get(Workspace.open(workspace.path), run.id)
        for point in range(POINTS):
            own.log("point", number * POINTS + point)
        say("logged")

    holder = fork(hold)
    assert holder.line() == "locked"
    begun = time.monotonic()
    writers = [fork(lambda say, number=number: write(number, say)) for number in range(WRITERS)]
    for writer in writers:
        assert writer.line() == "logged"
        assert writer.wait() == 0
    assert time.monotonic() - begun < HANGS_SECONDS / 2, "the writers waited for the locks"
    holder.kill()
    holder.wait()

    values = run.get_series("point").values
    assert sorted(values.tolist()) == list(range(WRITERS * POINTS))
    by_writer = {number: [v for v in values.tolist() if v // POINTS == number] for number in range(WRITERS)}
    assert all(own == sorted(own) for own in by_writer.values())


def test_threads_of_one_process_share_its_journal(workspace, run):
    """Eight threads log at the same time, and each finds its own points in its own order."""

    def write(number):
        for point in range(1_000):
            run.log("point", number * 1_000 + point)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    values = run.get_series("point").values.tolist()
    assert sorted(values) == list(range(8_000))
    for number in range(8):
        own = [value for value in values if value // 1_000 == number]
        assert own == sorted(own)


def test_a_forked_child_has_a_journal_of_its_own(fork, workspace, run):
    """Parent and child continue with the same handle, and no record is torn or lost."""
    run.log("point", -1)
    before = {path.name for path in (workspace.path / "journal").glob("*.log")}

    def write(say):
        for number in range(1_000):
            run.log("point", number)
        run.tag("from", "child")
        say(",".join(path.name for path in (workspace.path / "journal").glob("*.log")))

    child = fork(write)
    for number in range(1_000, 2_000):
        run.log("point", number)
    seen = set(child.line().split(","))
    assert child.wait() == 0

    assert len(seen | before) == 2
    assert sorted(run.get_series("point").values.tolist()) == list(range(-1, 2_000))
    assert run.get_tags() == {"from": "child"}


def test_data_loader_workers_log_into_the_run(workspace):
    """Workers that PyTorch forks or spawns log with the handle that they get, or with a new one."""
    import multiprocessing

    run = Experiment(workspace, "loader").start_logging()
    for method in ("fork", "spawn"):
        context: Any = multiprocessing.get_context(method)
        workers = [
            context.Process(target=_worker, args=(run if given else None, str(workspace.path), run.id, method, number))
            for number, given in enumerate((True, False))
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
            assert worker.exitcode == 0
        assert sorted(run.get_series(method).values.tolist()) == list(range(200))
    run.complete()


def _worker(given: Run | None, path: str, run_id: str, key: str, number: int) -> None:
    run = given or Run.get(Workspace.open(path), run_id)
    for point in range(100):
        run.log(key, number * 100 + point)
