"""Measure `mlflow gc` on a run with 5 million points, and compare it with the same command on an empty run.

The results are the peak memory of the process in MB and its time in seconds.
Both cases are measured in turn, several times, each time in a new workspace. The results are medians.
All points are folded before the measurement.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path

from bridge.records.run import RunRecord
from bridge.store.create import create_store
from bridge.store.one_run import create_run, get_run

LIMIT_MB = 50.0
KEYS = ("loss", "accuracy", "rate", "gradient", "memory")
SEED = 4


def make_deleted_run(folder: Path, points: int) -> str:
    """Create a workspace with one deleted run, and return its URI."""
    draw = random.Random(SEED)
    tracking = create_store(folder, "gc").tracking
    create_run(tracking, RunRecord("gone", "0"))
    for number in range(points):
        tracking.log("gone", KEYS[number % len(KEYS)], draw.random(), number, number)
        if number % 500_000 == 0:
            get_run(tracking, "gone")
    get_run(tracking, "gone")
    tracking.delete_runs(("gone",), time.time_ns() // 1_000_000)
    tracking.close()
    return f"bridge://{folder}"


def peak_of_gc(uri: str) -> tuple[float, float]:
    """Run `mlflow gc` on a workspace, and return its peak memory in MB and its time in seconds."""
    command = [os.path.join(sysconfig.get_path("scripts"), "mlflow"), "gc", "--backend-store-uri", uri]
    environment = {**os.environ, "MLFLOW_TRACKING_URI": uri, "MLFLOW_DISABLE_TELEMETRY": "true"}
    begun = time.perf_counter()
    # The peak of a process starts at that of its parent. This process is large, so a small one starts the command.
    starting = [sys.executable, "-c", "import resource, subprocess, sys\n"
                "subprocess.run(sys.argv[1:], check=True)\n"
                "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)", *command]  # fmt: skip
    said = subprocess.run(starting, env=environment, capture_output=True, text=True, check=True).stdout
    seconds = time.perf_counter() - begun
    assert "Run with ID gone has been permanently deleted." in said, said
    return int(said.split()[-1]) / (1024 if sys.platform == "linux" else 1 << 20), seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=5_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    peaks: dict[int, list[float]] = {0: [], options.points: []}
    times: dict[int, list[float]] = {0: [], options.points: []}
    for _ in range(options.repeats):
        for points in peaks:
            with tempfile.TemporaryDirectory() as folder:
                peak, seconds = peak_of_gc(make_deleted_run(Path(folder), points))
            peaks[points].append(peak)
            times[points].append(seconds)
    return report(peaks, times, options.repeats)


def report(peaks: dict[int, list[float]], times: dict[int, list[float]], repeats: int) -> int:
    print(
        f"{date.today()}, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"MLflow {version('mlflow')}; medians of {repeats} alternating repeats"
    )
    for points, found in peaks.items():
        print(f"  {points:>9,} points{statistics.median(found):>10.1f} MB{statistics.median(times[points]):>8.1f} s")
    empty, full = (statistics.median(found) for found in peaks.values())
    holds = full - empty <= LIMIT_MB
    print(f"  added by the points{full - empty:>7.1f} MB   at most {LIMIT_MB:g}: {'holds' if holds else 'MISSED'}")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
