"""The workspaces, the MLflow stores and the other processes that the benchmarks use."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.harness.command import Options
from bridge import Experiment, Run, Workspace
from bridge.records.run import RunChanges, RunRecord, new_run_id
from bridge.store.durability import Durability
from bridge.store.one_run import create_run
from bridge.store.tracking import TrackingStore

if TYPE_CHECKING:
    from mlflow import MlflowClient

PEAK_UNIT = 1024 if sys.platform == "linux" else 1 << 20
"""The units of `ru_maxrss` in a MB."""

READER = """
import sys, time
from mlflow import MlflowClient

client = MlflowClient(sys.argv[1])
for line in sys.stdin:
    run_id, key, value = line.split()
    begun = time.process_time()
    while client.get_run(run_id).data.metrics.get(key) != float(value):
        pass
    print(time.process_time() - begun, flush=True)
"""


def new_workspace(options: Options, durability: Durability | None = None) -> Workspace:
    """Create a workspace in a folder of its own."""
    workspace = Workspace.create("bench", path=options.new_folder("workspace"), durability=durability)
    options.ending.callback(workspace.close)
    return workspace


def new_run(workspace: Workspace) -> str:
    """Create a run without a process that owns it, and return its id."""
    return create_run(tracking_of(workspace), RunRecord(new_run_id(), "0")).id


def start_run(options: Options, workspace: Workspace) -> Run:
    """Start a run that captures nothing, as a script that only logs metrics does."""
    run = Experiment(workspace, "bench").start_logging(outputs=False, snapshot_directory=None)
    options.ending.callback(run.complete)
    return run


def tracking_of(workspace: Workspace) -> TrackingStore:
    """Return the store that all handles of the workspace use."""
    return workspace.stores.tracking


def new_mlflow_uri(options: Options) -> str:
    """Return the URI of a new SQLite database of MLflow. MLflow creates one, and the others are copies of it."""
    template = options.folder / "mlflow-template.db"
    if not template.exists():
        create_mlflow_database(template)
    path = options.new_folder("mlflow") / "mlflow.db"
    shutil.copyfile(template, path)
    return f"sqlite:///{path}"


def create_mlflow_database(path: Path) -> None:
    """Let MLflow create a database with its tables. The artifacts belong beside it."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    SqlAlchemyStore(f"sqlite:///{path}", str(path.parent / "mlflow-artifacts")).engine.dispose()


def client_of_nothing() -> MlflowClient:
    """Return a client of MLflow whose store does nothing when something is logged."""
    from mlflow import MlflowClient
    from mlflow.store.tracking.abstract_store import AbstractStore
    from mlflow.tracking._tracking_service import utils

    class Nothing(AbstractStore):
        def log_metric(self, run_id: str, metric: object) -> None:
            return None

        def log_batch(self, run_id: str, metrics: object, params: object, tags: object) -> None:
            return None

    utils._tracking_store_registry.register("nothing", lambda store_uri, artifact_uri=None: Nothing())
    return MlflowClient("nothing:///")


class Reader:
    """Another process, which reads runs with `MlflowClient.get_run`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def wait_for(self, run_id: str, key: str, value: float) -> float:
        """Wait until the process reads this latest value of a metric. Return the seconds of CPU that it needed."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"{run_id} {key} {value!r}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())


@contextmanager
def reader(uri: str) -> Iterator[Reader]:
    """Start a process that reads from the store of an MLflow URI, and end it afterwards."""
    command = [sys.executable, "-W", "ignore", "-c", READER, uri]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Reader(process)
        assert process.stdin is not None
        process.stdin.close()


def peaks_of_work(code: str, *arguments: object) -> tuple[float, float]:
    """Run a program that defines a function `work`. Return its peak memory, and its peak before `work`, both in MB."""
    measuring = (
        f"{code}\n"
        "import resource\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "work()\n"
        "print(before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", measuring, *map(str, arguments)]
    before, after = (int(text) / PEAK_UNIT for text in _from_a_small_process(command).split()[-2:])
    return after, before


def peak_of_command(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """Run a command, and return its peak memory in MB."""
    return int(_from_a_small_process(command, environment).split()[-1]) / PEAK_UNIT


def _from_a_small_process(command: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """Run a command. Return what it prints, and its peak memory.

    The peak of a process starts at that of its parent. This process may be large, so a small one starts the command.
    """
    starting = (
        "import resource, subprocess, sys\n"
        "print(subprocess.run(sys.argv[1:], check=True, stdout=subprocess.PIPE, text=True).stdout)\n"
        "if sys.argv[1] != sys.executable: print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = [sys.executable, "-c", starting, *command]
    return subprocess.run(done, stdout=subprocess.PIPE, text=True, check=True, env=environment).stdout


def fold(workspace: Workspace) -> None:
    """Fold all journals: a read of latest values does this, even if the run does not exist."""
    tracking_of(workspace).get_runs(["none"])


def seal(workspace: Workspace, run_ids: Sequence[str]) -> None:
    """End runs, and compress all their points, as the background thread does in short steps after the end of a run."""
    tracking = workspace.stores.tracking
    tracking.update_runs(run_ids, RunChanges(status="Completed"))
    fold(workspace)
    while tracking.tidy():
        pass


def used_bytes(database: Path) -> int:
    """Return the size of the used pages of a SQLite database."""
    with closing(sqlite3.connect(database)) as c:
        pages, free, size = (
            c.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
    return int((pages - free) * size)


def bare_file(options: Options) -> int:
    """Return the descriptor of a new file, opened as a journal is."""
    return os.open(options.new_folder("bare") / "file", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def journal_bytes(workspace: Workspace) -> int:
    """Return the size of all journals of the workspace."""
    return sum(path.stat().st_size for path in (workspace.path / "journal").glob("*.log"))
