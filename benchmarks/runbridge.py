"""Measure the command `runbridge` as a whole process: its start, and its answers about few and about many runs.

The yardstick of the start is a Python that imports typer and rich. The first repeat, which may write bytecode, does not
count.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness.command import Options, main
from benchmarks.harness.many_runs import fill
from benchmarks.harness.places import new_workspace, tracking_of
from benchmarks.harness.rows import Row, at_most
from bridge import Workspace

YARDSTICK = [sys.executable, "-c", "import typer, rich"]
COMMAND = [sys.executable, "-m", "bridge"]
FEW = 100
EXPERIMENT = "runs"


def make(options: Options, runs: int) -> Path:
    """Create a workspace with an experiment of `runs` runs."""
    workspace = new_workspace(options)
    tracking_of(workspace).create_experiment(EXPERIMENT, 1)
    workspace.close()
    fill(workspace.path / "workspace.db", {1: runs})
    Workspace.open(workspace.path).close()
    return workspace.path


def arguments_of(workspace: Path) -> dict[str, list[str]]:
    """Return the measured commands by name."""
    with Workspace.open(workspace) as opened:
        run = next(iter(opened.experiments[EXPERIMENT].get_runs())).id
    return {
        "list": ["list"],
        "list EXPERIMENT": ["list", EXPERIMENT],
        "show ID": ["show", run],
        "show START_OF_ID": ["show", run[:24]],
        "show NAME": ["show", "run-7"],
        "show @latest": ["show", "@latest"],
        "search": ["search", EXPERIMENT, "metrics.m00 < 0.3 and params.p00 = 'v3'", "--sort", "metrics.m02"],
    }


def milliseconds(command: list[str]) -> float:
    """Run a command, and return the CPU time of its process in milliseconds."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=kept)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) * 1e3


def rows(options: Options) -> Iterator[Row]:
    many = options.pick(1_000, 20_000, 100_000)
    small, large = make(options, FEW), make(options, many)
    cases = {"yardstick": YARDSTICK}
    for size, workspace in (("small", small), ("large", large)):
        for name, arguments in arguments_of(workspace).items():
            cases[f"{size} {name}"] = [*COMMAND, *arguments, "--workspace", str(workspace)]
    found: dict[str, list[float]] = {name: [] for name in cases}
    for repeat in range(-1, options.repeats(15)):
        for name, command in cases.items():
            spent = milliseconds(command)
            if repeat >= 0:
                found[name].append(spent)
    median = {name: statistics.median(values) for name, values in found.items()}
    imports = "python -c 'import typer, rich'"
    yield Row("13-3", "runbridge list", median["small list"], "ms", imports, median["yardstick"], bar=at_most(1.5))
    few = f"the same with {FEW} runs"
    for name in arguments_of(small):
        small_one, large_one = median[f"small {name}"], median[f"large {name}"]
        yield Row("13-4", f"runbridge {name}, {many:,} runs", large_one, "ms", few, small_one, bar=at_most(2))


if __name__ == "__main__":
    main(__doc__, rows)
