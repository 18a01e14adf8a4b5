"""The processes that chaos kills: their calls on a workspace, and their notes.

A victim appends a line to a file of its own before and after each call, so that the file shows which calls had returned
when the victim was killed:

| line | meaning |
|---|---|
| `start RUN`, `started RUN` | a run is about to start, and has started |
| `on RUN` | the calls that follow log to this run |
| `call N`, `done N` | call N is about to be made, and has returned |
| `maybe N` | an exception of a signal handler left call N |
| `end RUN STATUS`, `ended RUN STATUS` | a run is about to be ended, and was |
| `delete RUN`, `deleted RUN` | a run is about to be purged, and was |
| `read SECONDS` | a read has ended |
| `slow FROM TO WHAT` | a call took longer than a second, by the monotonic clock |
| `fault WHAT` | something that must not happen |

`call_of` computes the points of a call from its number.
"""

from __future__ import annotations

import ctypes
import faulthandler
import json
import logging
import os
import random
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from chaos_plants import PLANTS

import bridge
import bridge_mlflow
from bridge import Experiment, NotFound, Run, StoreUnavailable, Workspace
from bridge.records.run import TERMINAL_STATUSES
from bridge.store import background
from bridge.store.one_run import get_series
from bridge.store.sql import seal

SHARED = "shared"
"""A Completed run that every writer may log to."""

MOST_POINTS = 100
"""Every call has fewer points than this."""

SLOW_SECONDS = 1.0


class Raised(Exception):
    """An exception that a signal handler raises besides KeyboardInterrupt and TimeoutError."""


INTERRUPTS = (KeyboardInterrupt, TimeoutError, Raised)

OURS = {str(path) for package in (bridge, bridge_mlflow) for path in Path(package.__path__[0]).rglob("*.py")}
"""The files of this project."""


@dataclass(frozen=True)
class Place:
    """The workspace of the victims, and the kinds of interrupts.

    `alarms` is the share of calls that have an alarm.
    With `lightning`, victims also log with PyTorch Lightning's logger.
    `plant` is the name of a fault in `chaos_plants` that is planted in every process.
    With `sealing`, few points are compressed already, and often, so that many kills happen while this is done.
    """

    folder: Path
    alarms: float = 0.3
    lightning: bool = False
    plant: str = ""
    sealing: bool = False

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    @property
    def source(self) -> Path:
        return self.folder / "source"

    @property
    def notes(self) -> Path:
        return self.folder / "notes"


@dataclass(frozen=True)
class Call:
    """One call of a writer: its points, its run, and the API that it uses."""

    number: int
    way: str
    run_id: str
    key: str
    values: list[int]


def call_of(name: str, number: int, run_id: str, lightning: bool) -> Call:
    """Return the call of a victim with this number. Values grow with the number, and all are different."""
    chance = random.Random(f"{name} {number}")
    way = chance.choice([way for way in WAYS if lightning or way != "lightning"])
    count = chance.choice((1, 2, 5, 50)) if way in ("list", "series", "table", "batch", "waited_for") else 1
    values = [number * MOST_POINTS + i for i in range(count)]
    key = f"{name}.{way}.{number}" if way == "forked" else f"{name}.{way}"  # points of forked children may be late
    return Call(number, way, f"{name}-child-{number}" if way == "child" else run_id, key, values)


def text_of(value: int) -> str:
    return f"value {value}"


PR_SET_PDEATHSIG = 1
LIBRARY = ctypes.CDLL(None)


def die_with_parent() -> None:
    LIBRARY.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


# The APIs that victims log with


class Logger:
    """A logger of calls to one run."""

    def __init__(self, workspace: Workspace, run: Run) -> None:
        from mlflow import MlflowClient

        self.workspace, self.run = workspace, run
        self.client = MlflowClient(workspace.get_mlflow_tracking_uri())
        self._lightning: Any = None

    def log(self, call: Call) -> None:
        WAYS[call.way](self, call)

    def metrics(self, call: Call) -> list[Any]:
        from mlflow.entities import Metric

        return [Metric(call.key, value, call.number, step) for step, value in enumerate(call.values)]

    @property
    def lightning(self) -> Any:
        from pytorch_lightning.loggers import MLFlowLogger

        if self._lightning is None:
            uri = self.workspace.get_mlflow_tracking_uri()
            self._lightning = MLFlowLogger("chaos", tracking_uri=uri, run_id=self.run.id)
        return self._lightning


def log_table(logger: Logger, call: Call) -> None:
    logger.run.log_table(call.key, {"number": call.values, "text": [text_of(value) for value in call.values]})


def log_metric(logger: Logger, call: Call) -> None:
    logger.client.log_metric(logger.run.id, call.key, call.values[0], timestamp=call.number, step=call.number)


def log_batch(logger: Logger, call: Call) -> None:
    from mlflow.entities import RunTag

    tags = [RunTag("number", str(call.number))] if call.number % 4 == 0 else []
    logger.client.log_batch(logger.run.id, metrics=logger.metrics(call), tags=tags)


def log_batch_and_wait(logger: Logger, call: Call) -> None:
    logger.client.log_batch(logger.run.id, metrics=logger.metrics(call), synchronous=False).wait()


def log_in_child(logger: Logger, call: Call) -> None:
    child = logger.run.child_run(run_id=call.run_id, outputs=False)
    child.log(call.key, call.values[0])
    child.complete()


def log_in_fork(logger: Logger, call: Call) -> None:
    # No handler runs within the fork itself, because Python's own fork hooks, such as logging's, do not survive that.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGALRM))
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            die_with_parent()
            logger.run.log(call.key, call.values[0])
            code = 0
        finally:
            os._exit(code)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    if os.waitpid(pid, 0)[1]:
        raise RuntimeError("A forked process failed.")


WAYS: dict[str, Callable[[Logger, Call], Any]] = {
    "float": lambda logger, call: logger.run.log(call.key, float(call.values[0])),
    "int": lambda logger, call: logger.run.log(call.key, call.values[0]),
    "stepped": lambda logger, call: logger.run.log(call.key, call.values[0], step=call.number),
    "described": lambda logger, call: logger.run.log(call.key, call.values[0], description=f"call {call.number}"),
    "text": lambda logger, call: logger.run.log(call.key, text_of(call.values[0])),
    "list": lambda logger, call: logger.run.log_list(call.key, call.values),
    "series": lambda logger, call: logger.run.log_series(call.key, call.values, steps=range(len(call.values))),
    "row": lambda logger, call: logger.run.log_row(call.key, number=call.values[0], text=text_of(call.values[0])),
    "table": log_table,
    "metric": log_metric,
    "batch": log_batch,
    "waited_for": log_batch_and_wait,
    "child": log_in_child,
    "forked": log_in_fork,
    "lightning": lambda logger, call: logger.lightning.log_metrics({call.key: call.values[0]}, step=call.number),
}

OF_MLFLOW = ("metric", "batch", "waited_for", "lightning")
"""Loggers in other packages, which may swallow a handler's exception."""


# Victims


def _frames(frame: FrameType | None) -> str:
    """Return the innermost functions of a stack; the text of a fault has them."""
    found = traceback.extract_stack(frame)[-5:]
    return "at " + " < ".join(f"{Path(one.filename).name}:{one.lineno} {one.name}" for one in reversed(found))


class Victim:
    """A victim: it has a name, a random generator, a file of notes, and handlers that raise during a call."""

    def __init__(self, place: Place, name: str) -> None:
        self.place, self.name = place, name
        self.chance = random.Random(f"{name} lives")
        self._armed = False
        self._raised: type[BaseException] | None = None
        self._hidden = False
        self._where = ""
        said = os.open(place.folder / "said" / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(said, 2)
        logging.lastResort = logging.StreamHandler(os.fdopen(said, "w"))
        logging.lastResort.setLevel(logging.WARNING)
        faulthandler.register(signal.SIGUSR1, file=sys.__stderr__, all_threads=True)  # type: ignore[arg-type]
        sys.unraisablehook = self._hide
        signal.signal(signal.SIGINT, self._handle)
        signal.signal(signal.SIGALRM, self._handle)
        # This process may get signals after this line.
        self._fd = os.open(place.notes / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self.workspace = Workspace.open(place.workspace)

    def note(self, *words: object) -> None:
        os.write(self._fd, (" ".join(map(str, words)).replace("\n", " ") + "\n").encode())

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._armed:
            self._armed = False
            kinds = (KeyboardInterrupt,) if number == signal.SIGINT else (TimeoutError, TimeoutError, Raised)
            self._raised, self._where = self.chance.choice(kinds), _frames(frame)
            raise self._raised("of a handler")

    def _hide(self, unraisable: Any) -> None:
        """Ignore exceptions in finalizers, which Python swallows; its own locks and threads may fail afterwards."""
        if isinstance(unraisable.exc_value, INTERRUPTS):
            self._hidden = True
        elif OURS & {frame.filename for frame in traceback.extract_tb(unraisable.exc_traceback)}:
            where = traceback.format_exception(unraisable.exc_value)
            self.note("fault unraisable", unraisable.err_msg, repr(unraisable.object), *where)

    def interrupted(self, call: Callable[[], Any], what: str, others: bool = False) -> bool:
        """Make a call, perhaps with an alarm, and return whether no exception of a handler left it.

        Args:
            call: the function to call.
            what: its name in the text of a fault.
            others: whether it calls other packages, which may swallow a handler's exception.
        """
        self._raised, self._hidden = None, False
        begun = time.monotonic()
        if self.chance.random() < self.place.alarms:
            signal.setitimer(signal.ITIMER_REAL, 10 ** self.chance.uniform(-5.3, -2))
        try:
            self._armed = True
            call()
            self._armed = False
        except INTERRUPTS as error:
            self._armed = False
            if self._raised is None or not isinstance(error, self._raised):
                self.fault(what, error)
            return False
        except StoreUnavailable as error:
            self._armed = False
            if self._raised and "of a handler" in str(error):
                self.note("fault turned", self._raised.__name__, what, error, self._where)
                return False
            self.note("unavailable", begun, time.monotonic(), what, error)
            return False
        except BaseException as error:  # and the SystemExit of a command
            self._armed = False
            if others and "has held this lock since" in str(error):  # MLflow's message for it
                self.note("unavailable", begun, time.monotonic(), what, error)
            elif not (self._raised and others):
                self.fault(what, error)
            return False
        finally:
            self._armed = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            ended = time.monotonic()
            if ended - begun > SLOW_SECONDS:
                self.note("slow", begun, ended, what)
        if self._raised is not None and not self._hidden and not others:
            self.note("fault swallowed", self._raised.__name__, what, self._where)
        return self._raised is None

    def fault(self, what: str, error: BaseException) -> None:
        self.note("fault", what, f"{type(error).__name__}: {error}")
        traceback.print_exc()
        sys.stderr.flush()


class Writer(Victim):
    """A victim that starts runs, logs to them with every API, and ends some of them."""

    _logger: Logger
    _status = "Running"

    def live(self) -> None:
        self._experiment = Experiment(self.workspace, "chaos")
        self._calls = self._runs = self._left = 0
        while True:
            if self._left == 0:
                self._begin()
            else:
                self._call()
                self._left -= 1
                if self._left == 0 and self._logger.run.id != SHARED and self.chance.random() < 0.7:
                    self._end()
            time.sleep(self.chance.choice((0, 0, 0, 0, 0, 0, 0, 0.001)))

    def _begin(self) -> None:
        if self.chance.random() < 0.2:
            run = Run.get(self.workspace, SHARED)
        else:
            self._runs += 1
            run_id = f"{self.name}-{self._runs}"
            begun: list[Run] = []
            self.note("start", run_id)
            if not self.interrupted(lambda: begun.append(self._start(run_id)), "start"):
                return
            self.note("started", run_id)
            (run,) = begun
        self.note("on", run.id)
        self._logger = Logger(self.workspace, run)
        self._left = self.chance.randrange(5, 200)

    def _start(self, run_id: str) -> Run:
        return self._experiment.start_logging(run_id=run_id, outputs=False, snapshot_directory=None)

    def _call(self) -> None:
        call = call_of(self.name, self._calls, self._logger.run.id, self.place.lightning)
        self._calls += 1
        self.note("call", call.number)
        done = self.interrupted(lambda: self._logger.log(call), call.way, call.way in OF_MLFLOW)
        self.note("done" if done else "maybe", call.number)
        if self.chance.random() < 0.02:
            self._look()

    def _look(self) -> None:
        run = self._logger.run
        if run.id != SHARED and run.status != "Running":
            self.note("fault", f"run {run.id} is {run.status} while its process lives: {run.error}")

    def _end(self) -> None:
        run = self._logger.run
        status, end = self.chance.choice(
            (("Completed", run.complete), ("Completed", run.complete), ("Failed", run.fail), ("Canceled", run.cancel))
        )
        self.note("end", run.id, status)
        if self.interrupted(end, "end"):
            self.note("ended", run.id, status)


class Reader(Victim):
    """A victim that reads what others have logged, and expects every point that was acknowledged before the read."""

    def live(self) -> None:
        from mlflow import MlflowClient

        self._client = MlflowClient(self.workspace.get_mlflow_tracking_uri())
        while True:
            reads = (self._read_series, self._read_series, self._read_history, self._read_statuses, self._read_metrics)
            self.chance.choice(reads)()
            time.sleep(self.chance.choice((0, 0.002, 0.01)))

    def _acknowledged(self) -> tuple[str, str, set[int]]:
        """Return the run, the key and the acknowledged points of a series; three empty values if there is none yet."""
        notes = [path for path in self.place.notes.iterdir() if path.name.startswith("writer")]
        newest = sorted(notes, key=lambda path: path.stat().st_mtime_ns)[-4:]
        if not newest:
            return "", "", set()
        path = self.chance.choice(newest)
        run_id, found = "", dict[tuple[str, str], set[int]]()
        for line in path.read_bytes().rpartition(b"\n")[0].decode().splitlines():
            word, *rest = line.split(" ")
            if word == "on":
                run_id = rest[0]
            elif word == "done":
                call = call_of(path.name, int(rest[0]), run_id, self.place.lightning)
                found.setdefault((call.run_id, call.key), set()).update(call.values)
        return (*(pair := self.chance.choice(list(found))), found[pair]) if found else ("", "", set())

    def _expect(self, wanted: set[int], found: list[int], what: str) -> None:
        if missing := wanted - set(found):
            self.note("fault unseen", what, sorted(missing)[:5])

    def _read_series(self) -> None:
        run_id, key, wanted = self._acknowledged()
        if wanted:
            found: list[Any] = []
            if self._reads(lambda: found.extend(self._series(run_id, key)), "series"):
                self._expect(wanted, found, f"{run_id} {key}")

    def _series(self, run_id: str, key: str) -> list[int]:
        return [value for one in get_series(self.workspace.stores.tracking, run_id, [key]) for value in values_of(one)]

    def _read_history(self) -> None:
        run_id, key, wanted = self._acknowledged()
        if wanted and not key.endswith((".text", ".row", ".table")):
            found: list[Any] = []
            if self._reads(lambda: found.extend(self._client.get_metric_history(run_id, key)), "history", others=True):
                self._expect(wanted, [int(metric.value) for metric in found], f"{run_id} {key} of MLflow")

    def _read_metrics(self) -> None:
        run_id, key, wanted = self._acknowledged()
        if wanted:
            found: list[Any] = []
            if self._reads(lambda: found.append(Run.get(self.workspace, run_id).get_metrics(key)), "metrics"):
                if key not in found[0]:
                    self.note("fault unseen", run_id, key)

    def _read_statuses(self) -> None:
        def read() -> None:
            for run in Run.list(Experiment(self.workspace, "chaos")):
                assert run.status
                return

        self._reads(read, "statuses")
        self._reads(lambda: self._client.search_runs(["0"], max_results=10), "search", others=True)

    def _reads(self, read: Callable[[], Any], what: str, others: bool = False) -> bool:
        begun = time.monotonic()
        untouched = self.interrupted(read, f"read {what}", others)
        self.note("read", round(time.monotonic() - begun, 4))
        return untouched


class Folder(Victim):
    """A victim that folds in a loop, as every reader does, and logs points."""

    def live(self) -> None:
        run, number = Run.get(self.workspace, SHARED), 0
        self.note("on", SHARED)
        while True:
            call = call_of(self.name, number, SHARED, False)
            if call.way != "child":
                logger = Logger(self.workspace, run)
                self.note("call", number)
                done = self.interrupted(lambda: logger.log(call), call.way, call.way in OF_MLFLOW)  # noqa: B023
                self.note("done" if done else "maybe", number)
            number += 1
            self.interrupted(lambda: self.workspace.stores.tracking.get_leases(), "fold")


class Collector(Victim):
    """A victim that deletes its own runs, and purges them with `mlflow gc`."""

    def live(self) -> None:
        from mlflow import MlflowClient

        client = MlflowClient(self.workspace.get_mlflow_tracking_uri())
        experiment = Experiment(self.workspace, "rubbish")
        number = 0
        while True:
            number += 1
            run_id = f"{self.name}-{number}"
            run = experiment.start_logging(run_id=run_id, outputs=False, snapshot_directory=None)
            run.log_list("point", range(20))
            run.complete()
            client.delete_run(run_id)
            self.note("delete", run_id)
            remove = self._collect if self.chance.random() < 0.3 else self._purge
            if self.interrupted(lambda: remove(run_id), "delete", others=True):  # noqa: B023
                self.note("deleted", run_id)

    def _purge(self, run_id: str) -> None:
        self.workspace.stores.tracking.purge_runs([run_id])

    def _collect(self, run_id: str) -> None:
        import mlflow.cli
        from click.testing import CliRunner

        uri = self.workspace.get_mlflow_tracking_uri()
        options = ["--run-ids", run_id, "--backend-store-uri", uri, "--tracking-uri", uri]
        ended = CliRunner().invoke(mlflow.cli.gc, options)
        if ended.exception is not None:
            raise ended.exception


class Submitter(Victim):
    """A victim that submits scripts that log. The launcher, the script or this process is killed."""

    def live(self) -> None:
        from bridge import ScriptRunConfig

        experiment = Experiment(self.workspace, "chaos")
        number = 0
        while True:
            number += 1
            name = f"script-{self.name}-{number}"
            config = ScriptRunConfig(
                self.place.source, script="train.py", arguments=[json.dumps([str(self.place.folder), name])]
            )
            self.note("start", name)
            run = experiment.submit(config, run_id=name, show_output=False)
            self.note("started", name)
            while run.status not in TERMINAL_STATUSES:
                time.sleep(0.05)


TRAIN = """
import json, sys
sys.path[:0] = {path!r}
from pathlib import Path
from chaos_victims import Place, Script
folder, name = json.loads(sys.argv[1])
Script(Place(Path(folder), alarms=0.0), name).live()
"""


class Script(Victim):
    """Log from a submitted script, which ends after a while."""

    def live(self) -> None:
        run = Run.get_context()
        assert run.id == self.name, run.id
        self.note("on", run.id)
        logger, number = Logger(self.workspace, run), 0
        end = time.monotonic() + self.chance.uniform(0.2, 3)
        while time.monotonic() < end:
            call = call_of(self.name, number, run.id, False)
            if call.way != "child":
                self.note("call", number)
                logger.log(call)
                self.note("done", number)
            print("call", number, flush=True)
            number += 1
            time.sleep(0.005)


ROLES = {"writer": Writer, "reader": Reader, "folder": Folder, "collector": Collector, "submitter": Submitter}


def enter(place: Place) -> None:
    """In a child: die with the parent process, and put temporary files into the folder."""
    die_with_parent()
    faulthandler.enable()
    os.environ.update(BRIDGE_HOME=str(place.folder / "home"), TMPDIR=str(place.folder))
    tempfile.tempdir = None
    warnings.simplefilter("ignore")
    if place.sealing:
        seal_often()
    if place.plant:
        PLANTS[place.plant][0]()


def seal_often() -> None:
    """Let this process fold 50 times a second, and compress each series that has two blocks, in small steps."""
    background.FOLD_SECONDS = 0.02
    for name, value in {"HOT_BLOCKS": 2, "FEW_BLOCKS": 0, "MOST_POINTS": 50, "POINTS_AT_ONCE": 100}.items():
        setattr(seal, name, value)


def live(place: Place, name: str) -> None:
    """Act as the victim of this name until this process is killed."""
    enter(place)
    try:
        ROLES[name.split("-")[0]](place, name).live()  # type: ignore[attr-defined]
    except StoreUnavailable as error:  # for example, a stopped process holds a lock
        os.write(2, f"StoreUnavailable: {error}\n".encode())
    except NotFound as error:
        os.write(2, f"NotFound: {error}\n".encode())


def values_of(record: Any) -> list[int]:
    """Return the values of a stored series in log order."""
    if record.numbers is not None:
        return [int(value) for value in record.numbers.tolist()]
    return [int(str(text).rpartition(" ")[2]) for text in record.texts]
