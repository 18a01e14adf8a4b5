"""Measure `import bridge` and a first metric in a new process.

All modules are loaded from bytecode, as in an installed package, even if the environment disables writing it.
The CPU time of an import is the difference to a Python that imports nothing; the minimum of all repeats counts.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.harness.command import Options, main
from benchmarks.harness.places import new_mlflow_uri
from benchmarks.harness.rows import Row, at_most
from bridge import Workspace

BARE = "import sqlite3, json, uuid, threading"
FIRST = (
    "import sys, bridge\n"
    "run = bridge.Experiment(bridge.Workspace.open(sys.argv[1]), 'start').start_logging()\n"
    "run.log('loss', 0.5)\n"
)
MLFLOW = (
    "import sys\n"
    "from mlflow import MlflowClient\n"
    "client = MlflowClient(sys.argv[1])\n"
    "client.log_metric(client.create_run('0').info.run_id, 'loss', 0.5)\n"
)


class Program(NamedTuple):
    """A program, its argument, and its working folder."""

    code: str
    argument: str
    folder: Path


class Spent(NamedTuple):
    """Milliseconds of one process: by the clock and of the CPU, from its start to its end."""

    wall: float
    cpu: float


def spent(program: Program, environment: dict[str, str]) -> Spent:
    command = [sys.executable, "-W", "ignore", "-c", program.code, program.argument]
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL, cwd=program.folder, env=environment)
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Spent(wall * 1e3, (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) * 1e3)


def programs(options: Options) -> dict[str, Program]:
    workspace = str(options.folder / "workspace")
    Workspace.create("start", path=workspace).close()
    empty, source = options.new_folder("empty"), options.new_folder("source")
    (source / "train.py").write_text(FIRST)
    return {
        "python": Program("pass", "", empty),
        "bare": Program(BARE, "", empty),
        "import": Program("import bridge", "", empty),
        "first": Program(FIRST, workspace, empty),
        "source": Program(FIRST, workspace, source),
        "mlflow": Program(MLFLOW, new_mlflow_uri(options), empty),
        "import mlflow": Program("import mlflow", "", empty),
    }


def measured(options: Options) -> dict[str, list[Spent]]:
    """Return what each program spent in each repeat."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    ours = kept | {
        "PYTHONPYCACHEPREFIX": str(options.folder / "bytecode"),
        "BRIDGE_HOME": str(options.folder / "home"),
    }
    all_programs = programs(options)
    found: dict[str, list[Spent]] = {name: [] for name in all_programs}
    for repeat in range(options.pick(0, -1, -1), options.repeats(25)):
        for name, program in all_programs.items():
            is_mlflow = "mlflow" in name
            if is_mlflow and repeat > 2:
                continue  # MLflow's programs take seconds, so they are repeated three times
            one = spent(program, kept if is_mlflow else ours)
            if repeat >= 0:
                found[name].append(one)
    return found


def rows(options: Options) -> Iterator[Row]:
    found = measured(options)
    least = {name: min(each.cpu for each in own) for name, own in found.items()}
    is_cpu = options.clock == "cpu"
    median = {name: statistics.median(each.cpu if is_cpu else each.wall for each in own) for name, own in found.items()}
    of = {name: value - least["python"] for name, value in least.items()}
    yield Row("12", "import bridge, CPU", of["import"], "ms", BARE, of["bare"], of["import mlflow"], at_most(3.0), "")
    bare = f"a process that runs {BARE}"
    yield Row(
        "12",
        "open, log a first metric, exit",
        median["first"],
        "ms",
        bare,
        median["bare"],
        median["mlflow"],
        at_most(4.0),
    )
    yield Row("12", "the same with a script, stored as a snapshot", median["source"], "ms", bare, median["bare"])


if __name__ == "__main__":
    main(__doc__, rows)
