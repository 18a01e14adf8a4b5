"""A point is visible to a reader in another process when the call that logged it has returned."""

from __future__ import annotations

import fcntl
import os
import threading
import time

import pytest

from bridge import Experiment, Run, Workspace
from bridge.journal import locks

pytestmark = pytest.mark.processes

WRITERS = 8
QUESTIONS = 50
HANGS_SECONDS = 120.0


@pytest.mark.parametrize("through", ["native", "mlflow"])
def test_another_process_reads_what_was_just_logged(fork, workspace, run, through):
    """The child reports each number after it has logged it. Then both APIs must return the number."""
    from mlflow import MlflowClient

    client = MlflowClient(workspace.get_mlflow_tracking_uri())

    def write(say):
        own = Run.get(Workspace.open(workspace.path), run.id)
        own_client = MlflowClient(workspace.get_mlflow_tracking_uri())
        for number in range(QUESTIONS):
            if through == "native":
                own.log("point", number)
            else:
                own_client.log_metric(run.id, "point", number, step=number)
            say(str(number))
            time.sleep(0.005)

    child = fork(write)
    for _ in range(QUESTIONS):
        number = int(child.line())

        assert run.get_series("point").values[number] == number
        assert client.get_metric_history(run.id, "point")[number].value == number
        assert client.get_run(run.id).data.metrics["point"] >= number
    assert child.wait() == 0


def test_a_read_ends_and_is_correct_while_eight_processes_log_without_pause(fork, workspace, run, monkeypatch):
    """Fast writers cannot delay a read indefinitely, and its result has every point that was logged before it."""
    monkeypatch.setattr(locks, "WAIT_SECONDS", HANGS_SECONDS)  # for a fold of a process, of which nine share a machine

    def storm(say):
        own = Run.get(Workspace.open(workspace.path), run.id)
        say("begun")
        while True:
            own.log("storm", 1.0)

    storms = [fork(storm) for _ in range(WRITERS)]
    for child in storms:
        assert child.line() == "begun"

    def write(say):
        own = Run.get(Workspace.open(workspace.path), run.id)
        for number in range(2):
            own.log("point", number)
            say(str(number))

    child = fork(write)
    for _ in range(2):
        number = int(child.line())
        begun = time.monotonic()

        assert run.get_series("point").values[number] == number
        assert time.monotonic() - begun < HANGS_SECONDS
    assert child.wait() == 0


def test_an_answer_of_one_process_comes_after_the_question_of_another(fork, workspace, run):
    """Two processes log to one key in turns, and every read returns the points in the order of the turns."""

    def answer(say):
        own = Run.get(Workspace.open(workspace.path), run.id)
        for number in range(100):
            while True:
                logged = own.get_metrics("turns").get("turns", [])
                if isinstance(logged, list) and len(logged) == 2 * number + 1 or (number == 0 and logged == 0):
                    break
            own.log("turns", 2 * number + 1)
        say("done")

    child = fork(answer)
    for number in range(100):
        run.log("turns", 2 * number)
        while not (isinstance(logged := run.get_metrics("turns")["turns"], list) and len(logged) == 2 * number + 2):
            assert logged == 2 * number or logged == list(range(2 * number + 1))
    assert child.line() == "done"
    assert run.get_metrics("turns")["turns"] == list(range(200))


def test_an_experiment_and_its_runs_are_visible_at_once(fork, workspace):
    def make(say):
        run = Experiment(Workspace.open(workspace.path), "elsewhere").start_logging(display_name="there")
        say(run.id)
        run.complete()
        say("completed")

    child = fork(make)
    run = workspace.get_run(child.line())
    assert run.display_name == "there"
    assert child.line() == "completed"
    assert run.status == "Completed"


def test_an_answer_comes_after_its_question_even_if_its_process_ended_while_a_read_waited(fork, workspace, run):
    """The read started before both, so it leaves both to the next read, even that of a process that is now dead."""
    turns = {name: os.pipe() for name in ("question", "answer")}

    def write(name, say):
        own = Run.get(Workspace.open(workspace.path), run.id)
        own.log("talk", f"{name} begun")
        say("begun")
        os.read(turns[name][0], 1)
        own.log("talk", name)
        say("logged")
        if name == "question":
            os.read(turns[name][0], 1)

    children = {}
    for name in ("answer", "question"):
        children[name] = fork(lambda say, name=name: write(name, say))
        assert children[name].line() == "begun"
    lock = os.open(workspace.path / "journal" / ".fold.lock", os.O_RDWR | os.O_CREAT, 0o644)
    fcntl.flock(lock, fcntl.LOCK_EX)
    reader = threading.Thread(target=run.get_metrics)
    reader.start()
    time.sleep(0.2)
    for name in ("question", "answer"):
        os.write(turns[name][1], b"x")
        assert children[name].line() == "logged"
    assert children["answer"].wait() == 0
    os.close(lock)
    reader.join()

    assert run.get_metrics("talk")["talk"] == ["answer begun", "question begun", "question", "answer"]
    os.write(turns["question"][1], b"x")
    assert children["question"].wait() == 0
    for ends in turns.values():
        for end in ends:
            os.close(end)
