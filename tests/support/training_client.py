"""A client of a server that logs without a pause, changes runs, and notes what was acknowledged.

    python tests/support/training_client.py ADDRESS NOTES YARDSTICK NAME

The process ends its run and itself at the end of its standard input. It may be killed at any time.
YARDSTICK is the folder of a workspace without a server. Each point is logged there, too, so that the times of log calls
can be compared.
Each line in the file NOTES is a list in JSON. Its first word is the kind of the note:

- `asked` KIND NAME VALUE: a change follows. Until the next note with its name, the outcome is unknown.
- `done` KIND NAME VALUE: the change was acknowledged.
- `failed` KIND NAME VALUE ERROR: the change has raised an error.
- `points` COUNT REMOTE YARDSTICK: the number of points of each key that were logged, and the nanoseconds of the last
  log call on the server and in the folder: by the clock and of the processor.
- `waited` COUNT: a log call has sent a request. COUNT points of each key had been logged before.
- `broken` TEXT: the traceback of an unexpected exception.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bridge import Experiment, Run, StoreUnavailable, Workspace
from bridge.store import background, remote, retries
from bridge.store.http import patience, requests_sent
from bridge.store.remote import RemoteStore

EXPERIMENT = "faults"
TEXT_EACH = 10
"""A row and a text are logged with each tenth number."""

PAUSE_SECONDS = 0.005
POINTS_OF_CHILD = 5


def value_of(number: int) -> float:
    """Return the value of a point."""
    special = {7: float("nan"), 17: float("inf"), 27: -0.0, 37: 1e300}
    return special.get(number % 100, number + 0.1)


def content_of(name: str) -> bytes:
    """Return the content of a file: up to 300 kB, in several pieces."""
    chance = random.Random(name)
    return chance.randbytes(chance.choice((0, 10, 5_000, 300_000)))


class Notes:
    """The file of notes. Each note is one write, so that a killed process leaves no half a line before another one."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def add(self, *words: Any) -> None:
        """Append a note."""
        os.write(self._file, json.dumps(words).encode() + b"\n")


class Client:
    """The client.

    Args:
        address: the address of the workspace.
        notes: the notes.
        yardstick: a run in a folder.
        name: a name that no other client has.
    """

    def __init__(self, address: str, notes: Notes, yardstick: Run, name: str) -> None:
        self._address, self._notes, self._yardstick, self._name = address, notes, yardstick, name
        self._chance, self._chance_of_order = random.Random(name), random.Random(name)
        self._ended, self._logs = threading.Event(), False
        self._count = self._changes = 0
        self._parts: dict[str, Callable[[Run, str, str], object]] = {
            "tag": lambda run, key, value: run.tag(key, value),
            "last": lambda run, key, value: run.tag("last", value),
            "param": lambda run, key, value: run.log_param(key, value),
            "file": self._upload,
            "child": self._child,
            "experiment": lambda run, key, value: Experiment(run.experiment.workspace, f"{self._name}-{key}"),
        }

    def run(self) -> None:
        """Log and change until the standard input ends."""
        threading.Thread(target=self._read_input, daemon=True).start()
        run = self._started()
        if run is None:
            return
        changes = threading.Thread(target=self._noted, args=(self._change_all, run))
        changes.start()
        self._noted(self._train, run)
        changes.join()
        self._ask("end", run.id, "Completed", run.complete)

    def _read_input(self) -> None:
        sys.stdin.read()
        self._ended.set()

    def _noted(self, call: Callable[[Run], None], run: Run) -> None:
        try:
            call(run)
        except BaseException:
            self._notes.add("broken", traceback.format_exc())
            raise

    def _started(self) -> Run | None:
        """Open the workspace and start a run, as often as it takes. None if the standard input has ended before."""
        for attempt in range(10_000):
            if self._ended.is_set():
                return None
            try:
                workspace = Workspace.open(self._address)
            except StoreUnavailable:
                time.sleep(0.1)
                continue
            store = workspace.stores.tracking
            assert isinstance(store, RemoteStore)
            store.server.connection.patience_seconds = self._chance.choice((0.3, 20.0))
            self._watch(store.server.connection)
            for again in range(10):
                name = f"{self._name}-r{attempt}-{again}"
                started = self._ask("run", name, "", lambda name=name, workspace=workspace: start(workspace, name))
                if started is not None:
                    return started
        raise AssertionError("the server was never there")

    def _watch(self, connection: requests_sent.Requests) -> None:
        """Note each request that a log call sends."""
        send, thread = connection._once, threading.current_thread()

        def watched(*arguments: Any) -> Any:
            if self._logs and threading.current_thread() is thread:
                self._notes.add("waited", self._count)
            return send(*arguments)

        connection._once = watched  # type: ignore[assignment, method-assign]

    def _train(self, run: Run) -> None:
        while not self._ended.is_set():
            runs = [run, self._yardstick]
            self._chance_of_order.shuffle(runs)  # the call after a pause takes longer
            times = {id(one): self._timed(one) for one in runs}
            self._logs = True
            run.log("stepped", self._count, step=3 * self._count)
            if self._count % TEXT_EACH == 0:
                run.log_row("row", a=self._count, b=f"row {self._count}")
                run.log("word", f"word {self._count}")
            self._logs = False
            self._count += 1
            self._notes.add("points", self._count, times[id(run)], times[id(self._yardstick)])
            time.sleep(PAUSE_SECONDS)

    def _timed(self, run: Run) -> tuple[int, int]:
        value = value_of(self._count)
        self._logs = run is not self._yardstick
        begun = time.perf_counter_ns(), time.thread_time_ns()
        run.log("loss", value)
        spent = time.perf_counter_ns() - begun[0], time.thread_time_ns() - begun[1]
        self._logs = False
        return spent

    def _change_all(self, run: Run) -> None:
        kinds = list(self._parts)
        while not self._ended.is_set():
            kind = self._chance.choices(kinds, (4, 2, 2, 3, 2, 1))[0]
            key, value = f"k{self._changes}", f"v{self._changes}"
            self._changes += 1
            self._ask(kind, key, value, lambda kind=kind, key=key, value=value: self._parts[kind](run, key, value))
            self._ended.wait(self._chance.uniform(0, 0.1))

    def _ask(self, kind: str, name: str, value: str, call: Callable[[], Any]) -> Any:
        """Make a change, and return its result; None if the server does not answer."""
        self._notes.add("asked", kind, name, value)
        try:
            result = call()
        except StoreUnavailable as error:
            self._notes.add("failed", kind, name, value, str(error))
            return None
        self._notes.add("done", kind, name, result.id if isinstance(result, Run) else value)
        return result

    def _upload(self, run: Run, key: str, value: str) -> None:
        path = Path(f"{self._name}.file")
        path.write_bytes(content_of(f"{self._name}-{key}"))
        run.upload_file(f"files/{key}", path)

    def _child(self, run: Run, key: str, value: str) -> Run:
        child = run.child_run(f"{self._name}-{key}")
        for number in range(POINTS_OF_CHILD):
            child.log("loss", value_of(number))
        self._notes.add("done", "points", child.id, POINTS_OF_CHILD)
        self._ask("end", child.id, "Completed", child.complete)
        return child


def start(workspace: Workspace, name: str) -> Run:
    """Start a run without a snapshot and outputs."""
    return Experiment(workspace, EXPERIMENT).start_logging(name, outputs=False, snapshot_directory=None)


def main() -> None:
    """Be a client that waits less than usual, so that a test is short."""
    background.FOLD_SECONDS, remote.DELIVERY_SECONDS, retries.LONGEST_PAUSE = 0.1, 2.0, 0.5
    remote.FLUSH_SECONDS = remote.END_SECONDS = remote.CLOSE_SECONDS = 2.0
    patience.EXIT_SECONDS = 1.0
    address, notes, folder, name = sys.argv[1:]
    yardstick = Workspace.open(folder)
    Client(address, Notes(notes), start(yardstick, name), name).run()


if __name__ == "__main__":
    main()
