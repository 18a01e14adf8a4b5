"""Measure how long a server takes until its first answer, and its memory while it is idle."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import NamedTuple

import psutil

from benchmarks.harness.command import Options, main
from benchmarks.harness.rows import Row, at_most, value_at_most
from benchmarks.start import Program, spent
from bridge import Workspace

PACKAGES = "import click, httptools, numpy, requests, sqlite3, starlette.routing, uvicorn, uvloop"
ADDRESS = re.compile(rb"http://127\.0\.0\.1:\d+")
IDLE_SECONDS = 1.0


class Started(NamedTuple):
    """One start: seconds by the clock and of the CPU until the first answer, and the resident memory afterwards."""

    wall: float
    cpu: float
    megabytes: float


def started(folder: str, environment: dict[str, str]) -> Started:
    command = [sys.executable, "-m", "bridge", "server", folder, "--no-token", "--port", "0"]
    begun = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        found = next(match for line in process.stdout if (match := ADDRESS.search(line)))
        with urllib.request.urlopen(f"{found[0].decode()}/healthz", timeout=30) as answer:
            answer.read()
        wall = time.perf_counter() - begun
        known = psutil.Process(process.pid)
        times = known.cpu_times()
        time.sleep(IDLE_SECONDS)
        memory = known.memory_info().rss / 1e6
        process.terminate()
        process.wait(30)
    return Started(wall, times.user + times.system, memory)


def rows(options: Options) -> Iterator[Row]:
    folder = str(options.folder / "workspace")
    Workspace.create("start", path=folder).close()
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment = kept | {"PYTHONPYCACHEPREFIX": str(options.folder / "bytecode")}
    packages = Program(PACKAGES, "", options.new_folder("empty"))
    spent(packages, environment)  # writes the bytecode
    started(folder, environment)
    repeats = range(options.repeats(7))
    found = [started(folder, environment) for _ in repeats]
    bare = min(spent(packages, environment).cpu for _ in repeats) / 1e3
    cpu = min(one.cpu for one in found)
    yield Row("3", "a server, CPU until the first answer", cpu, "s", PACKAGES, bare, None, at_most(2.5), "")
    taken = cpu if options.clock == "cpu" else min(one.wall for one in found)
    yield Row("3", "a server, time until the first answer", taken, "s", PACKAGES, bare, None, value_at_most(0.6), "")
    memory = max(one.megabytes for one in found)
    yield Row("3", "an idle server, resident memory", memory, "MB", "", None, None, value_at_most(64), "")


if __name__ == "__main__":
    main(__doc__, rows)
