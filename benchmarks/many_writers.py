"""Measure 16 processes that log at the same time into one workspace. Each has a run of its own.

The yardstick is 16 processes that only write as many bytes, each to a file of its own.
All processes open their store first, and start at the same moment. The rate is that of all points, until the last
process has returned from its last call. The background threads of all processes fold during the measurement.
They have loaded NumPy before. This takes 0.14 s of CPU once in each process, as long as 60,000 calls, so it would hide
the cost of the calls.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

from benchmarks.harness.command import Options, main
from benchmarks.harness.places import journal_bytes, new_mlflow_uri, new_workspace, start_run
from benchmarks.harness.rows import Row, at_least

WAITS = """
print("ready", flush=True)
sys.stdin.readline()
for step in range(int(sys.argv[2])):
    call(step)
print("done", flush=True)
sys.stdin.readline()
"""

WRITES = (
    """
import os, sys
descriptor = os.open(sys.argv[1] + f"/{os.getpid()}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
data = b"x" * int(sys.argv[3])
def call(step): os.write(descriptor, data)
"""
    + WAITS
)

LOGS = (
    """
import sys, time
from bridge import Experiment, Workspace
run = Experiment(Workspace.open(sys.argv[1]), "writers").start_logging(outputs=False, snapshot_directory=None)
run.log("loss", 0.5, step=0)
while "bridge.store.sql.series" not in sys.modules: time.sleep(0.1)
time.sleep(0.5)
def call(step): run.log("loss", 0.5, step=step)
"""
    + WAITS
)

LOGS_TO_MLFLOW = (
    """
import sys
from mlflow import MlflowClient
client = MlflowClient(sys.argv[1])
run_id = client.create_run("0").info.run_id
def call(step): client.log_metric(run_id, "loss", 0.5, timestamp=1, step=step)
"""
    + WAITS
)


def rate(code: str, writers: int, place: str, points: int, *more: object) -> float:
    """Start processes, and return how many calls a second all of them together made."""
    command = [sys.executable, "-W", "ignore", "-c", code, place, str(points), *map(str, more)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(writers)
    ]
    expect(processes, "ready")
    begun = time.perf_counter()
    let_go(processes)
    expect(processes, "done")
    seconds = time.perf_counter() - begun
    let_go(processes)
    for process in processes:
        if process.wait() != 0:
            raise RuntimeError(f"a writer ended with exit code {process.returncode}")
        assert process.stdin is not None and process.stdout is not None
        process.stdin.close()
        process.stdout.close()
    return writers * points / seconds


def expect(processes: Sequence[subprocess.Popen[str]], line: str) -> None:
    for process in processes:
        assert process.stdout is not None
        found = process.stdout.readline().strip()
        if found != line:
            raise RuntimeError(f"a writer printed {found!r}, not {line!r}")


def let_go(processes: Sequence[subprocess.Popen[str]]) -> None:
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()


def size_of_a_point(options: Options) -> int:
    run = start_run(options, new_workspace(options))
    run.log("loss", 0.5, step=0)
    before = journal_bytes(run.experiment.workspace)
    run.log("loss", 0.5, step=1)
    return journal_bytes(run.experiment.workspace) - before


def rows(options: Options) -> Iterator[Row]:
    writers = options.pick(2, 16, 16)
    points, theirs = options.pick(100, 50_000, 200_000), options.pick(2, 20, 100)
    size = size_of_a_point(options)
    bare, ours = [], []
    for _ in range(options.repeats(7)):
        bare.append(rate(WRITES, writers, str(options.new_folder("bare")), points, size))
        ours.append(rate(LOGS, writers, str(new_workspace(options).path), points))
    mlflow = rate(LOGS_TO_MLFLOW, writers, new_mlflow_uri(options), theirs)
    yield Row("4", f"{writers} processes, each with {points:,} calls of run.log", statistics.median(ours), "points/s",
              f"os.write of {size} bytes", statistics.median(bare), mlflow, at_least(0.35),
              note=f"MLflow: log_metric, {theirs} for each process")  # fmt: skip


if __name__ == "__main__":
    main(__doc__, rows)
