"""A server that is killed, stopped, restarted or broken loses no point, and slows no log call."""

from __future__ import annotations

import logging
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from faulty_proxy import Fault
from submitting import until

from bridge import Experiment, Run, Workspace
from bridge.address import home_folder
from bridge.cli.live_runs import LiveRuns
from bridge.cli.log_output import follow_logs
from bridge.errors import NotFound, StoreUnavailable
from bridge.records.run import RunRecord
from bridge.store import background, remote, retries

pytestmark = [pytest.mark.slow, pytest.mark.processes]

FAULTS: list[Fault] = ["refuse", "cut", "500", "429", "hang"]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait less for a server that is away, so that the tests are short."""
    monkeypatch.setattr(background, "FOLD_SECONDS", 0.1)
    monkeypatch.setattr(remote, "DELIVERY_SECONDS", 1.0)
    monkeypatch.setattr(remote, "FLUSH_SECONDS", 1.0)
    monkeypatch.setattr(remote, "CLOSE_SECONDS", 1.0)
    monkeypatch.setattr(retries, "LONGEST_PAUSE", 0.5)


def points_of(workspace: Workspace, run: Run, key: str = "point") -> list[float]:
    """Return the points of a run in its folder, in the order in which they were logged."""
    try:
        return workspace.get_run(run.id).get_series(key).values.tolist()
    except NotFound:  # none has arrived yet
        return []


def record_of(workspace: Workspace, run: Run) -> RunRecord:
    return workspace.stores.tracking.get_runs((run.id,))[run.id]


def log_until(run: Run, numbers: Iterator[int], count: int) -> None:
    """Log points until `count` of them are logged."""
    for number in numbers:
        run.log("point", number)
        if number + 1 >= count:
            return


def test_log_calls_send_no_request(run, server, monkeypatch):
    monkeypatch.setattr(background, "FOLD_SECONDS", 3600.0)
    run.log("point", 0)  # afterwards the background thread waits
    before = server.proxy.requests
    for number in range(1, 2_000):
        run.log("point", number)
        run.log_row("row", a=number, b=1)
        run.log_list("list", [1, 2, 3])
    assert server.proxy.requests - before <= 3  # of the turn that the thread had begun


@pytest.mark.parametrize("fault", FAULTS)
def test_points_wait_for_a_broken_server_and_arrive_once(run, local, server, fault, caplog):
    numbers = iter(range(10**9))
    log_until(run, numbers, 100)
    server.proxy.fail(fault)
    spent = time.process_time(), time.monotonic()
    log_until(run, numbers, 2_000)
    assert time.monotonic() - spent[1] < 60  # a log call that waited for the server would take much longer
    until(lambda: any("Points wait in" in record.getMessage() for record in caplog.records))
    server.proxy.fail("none")
    until(lambda: points_of(local, run) == list(range(2_000)))
    until(lambda: any("answers again" in record.getMessage() for record in caplog.records))
    log_until(run, numbers, 2_100)
    run.complete()
    assert points_of(local, run) == list(range(2_100))
    assert local.get_run(run.id).status == "Completed"


@pytest.mark.parametrize("fault", FAULTS)
def test_flush_and_complete_raise_while_points_are_undelivered(run, local, server, fault):
    run.log("point", 1)
    run.flush()
    server.proxy.fail(fault)
    run.log("point", 2)
    for call in (run.flush, run.complete):
        with pytest.raises(StoreUnavailable, match=r"it has not taken 1 points yet, which wait in .*/journal/"):
            call()
    if fault != "cut":  # then the server has the point, and only its answer was lost
        assert points_of(local, run) == [1]
    server.proxy.fail("none")
    until(lambda: points_of(local, run) == [1, 2])
    run.complete()
    assert local.get_run(run.id).status == "Completed"


def test_a_killed_server_continues_after_its_restart(run, local, server):
    numbers = iter(range(10**9))
    for count in range(500, 3_000, 500):
        log_until(run, numbers, count)
        server.kill()
        log_until(run, numbers, count + 200)
        server.start()
    run.complete()
    count = next(numbers)
    assert points_of(local, run) == list(range(count))


def test_a_stopped_server_stops_no_log_call(run, local, server):
    run.log("point", 0)
    run.flush()
    server.signal(signal.SIGSTOP)
    try:
        longest = 0.0
        for number in range(1, 3_000):
            begun = time.thread_time()
            run.log("point", number)
            longest = max(longest, time.thread_time() - begun)
        assert longest < 0.5
        with pytest.raises(StoreUnavailable):
            run.flush()
    finally:
        server.signal(signal.SIGCONT)
    until(lambda: points_of(local, run) == list(range(3_000)))


def test_reads_of_the_own_run_are_answered_while_the_server_is_away(run, local, remote, server):
    run.log("point", 1)
    run.flush()
    run.tag("team", "vision")
    assert run.get_metrics() == {"point": 1}
    other = local.experiments["away"].start_logging(outputs=False, snapshot_directory=None)
    server.kill()
    assert run.status == "Running"
    assert run.get_tags() == {"team": "vision"}
    run.log("point", 3)
    run.log("point", float("nan"), step=0)
    run.log("loss", 0.5, step=7)
    run.log("loss", 0.25, step=6)
    run.log_row("row", a=1, b="text")
    run.log_row("row", a=2, b="more")
    run.log("note", "first")
    run.log("note", "second")
    while_away = record_of(remote, run)
    assert remote.get_run(run.id).id == run.id
    with pytest.raises(StoreUnavailable):
        remote.get_run(other.id)
    with pytest.raises(StoreUnavailable):
        run.tag("more", "1")
    server.start()
    until(lambda: run.get_tags() == {"team": "vision"})
    run.tag("more", "1")
    assert local.get_run(run.id).get_tags() == {"team": "vision", "more": "1"}
    run.flush()
    stored = record_of(local, run)
    assert while_away.latest == stored.latest
    assert while_away.latest["point"].value == 3 and while_away.latest["loss"].value == 0.5
    assert while_away.latest_texts == stored.latest_texts == {"note": "second"}
    assert while_away.latest_columns == stored.latest_columns
    assert while_away.latest_columns["row", "a"].value == 2


@pytest.fixture
def other(local, remote, monkeypatch):
    """A run of another process, as this client sees it."""
    monkeypatch.setattr("bridge.store.remote.OWN_READ_SECONDS", 0.5)
    remote.stores.tracking.server.connection.patience_seconds = 0.5
    made = Experiment(local, "away").start_logging(outputs=False, snapshot_directory=None)
    yield remote.get_run(made.id)
    made.complete()


@pytest.fixture
def interrupt(local, server, other, caplog) -> Callable[[], None]:
    """Return a function that stops the server twice, lets the log of the other run grow, and then ends this run."""

    def said(words: str, times: int) -> bool:
        return sum(text.endswith(words) for text in caplog.messages) >= times

    def interrupt() -> None:
        for count in (1, 2):
            server.kill()
            until(partial(said, "Waiting until it answers again.", count))
            local.stores.artifacts.append(other.place.root(), "logs/user_log.txt", f"while away {count}\n".encode())
            server.start()
            until(partial(said, f"{server.address} answers again.", count))
        local.get_run(other.id).complete()

    return interrupt


@pytest.mark.parametrize("show_output", [True, False])
def test_a_wait_for_the_end_of_a_run_continues_while_the_server_is_away(other, interrupt, capsys, show_output):
    with ThreadPoolExecutor(1) as pool:
        interrupted = pool.submit(interrupt)
        details = other.wait_for_completion(show_output=show_output)
        interrupted.result(60)
    assert details["status"] == "Completed"
    printed = capsys.readouterr().out
    assert ("while away 1\nwhile away 2\n\nExecution Summary" in printed) == show_output


def test_a_log_is_followed_while_the_server_is_away(other, interrupt, capfd):
    with ThreadPoolExecutor(1) as pool:
        interrupted = pool.submit(interrupt)
        status = follow_logs(other.place, "logs/user_log.txt")
        interrupted.result(60)
    assert (status, capfd.readouterr().out) == ("Completed", "while away 1\nwhile away 2\n")


def test_running_runs_are_watched_while_the_server_is_away(local, remote, other, interrupt):
    live = LiveRuns(remote.stores, remote.stores.tracking.get_experiment(other.experiment.id))
    assert [run.id for run in live.update()] == [other.id]
    with ThreadPoolExecutor(1) as pool:
        interrupted = pool.submit(interrupt)
        seen: list[RunRecord] = []
        while not seen:
            seen = live.update()
        interrupted.result(60)
    assert [(run.id, run.status) for run in seen] == [(other.id, "Completed")]


def test_closing_a_workspace_reports_points_that_wait(run, local, remote, server, caplog):
    run.log("point", 1)
    run.flush()
    server.proxy.fail("refuse")
    run.log("point", 2)
    with caplog.at_level(logging.WARNING, "bridge"), pytest.raises(StoreUnavailable):
        remote.close()
    server.proxy.fail("none")
    until(lambda: points_of(local, run) == [1, 2])


def test_points_survive_the_removal_of_the_home_folder(run, local, remote, server):
    run.log("point", 0)
    run.flush()
    server.proxy.fail("refuse")
    log_until(run, iter(range(1, 100)), 100)
    while home_folder().exists():
        shutil.rmtree(home_folder(), ignore_errors=True)  # a thread may be writing there
    log_until(run, iter(range(100, 200)), 200)
    server.proxy.fail("none")
    until(lambda: points_of(local, run) == list(range(200)))
    run.complete()
    assert local.get_run(run.id).status == "Completed"
