"""Measure a native listing that matches few runs of many, and compare it with reading the records of all runs.

The results are medians of several alternating repeats, in milliseconds.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date

from bridge import Experiment, Workspace
from bridge.records.run import RunRecord, new_run_id


def measure(listing: Callable[[], Iterator[object]]) -> tuple[float, int]:
    """Return the milliseconds of a listing and the number of runs in it."""
    begun = time.perf_counter()
    count = sum(1 for _ in listing())
    return (time.perf_counter() - begun) * 1e3, count


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5_000)
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        experiment = Experiment(Workspace.create("listing", path=folder), "many")
        experiment.workspace.stores.tracking.create_runs(
            [
                RunRecord(new_run_id(), experiment.id, start_time=number, tags={"split": str(number % 100)})
                for number in range(options.runs)
            ]
        )
        listings = {
            "all runs": lambda: experiment.get_runs(),
            "one of a hundred": lambda: experiment.get_runs(tags={"split": "7"}),
        }
        times: dict[str, list[float]] = {name: [] for name in listings}
        for _ in range(options.repeats):
            for name, listing in listings.items():
                milliseconds, count = measure(listing)
                times[name].append(milliseconds)
                assert count == (options.runs if name == "all runs" else options.runs // 100)
    everything, matching = (statistics.median(values) for values in times.values())
    holds = matching <= everything / 3
    print(
        f"{date.today()}, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; "
        f"{options.runs} runs, medians of {options.repeats} alternating repeats"
    )
    print(f"  list all runs                     {everything:>8.1f} ms")
    print(
        f"  list one of a hundred by its tag  {matching:>8.1f} ms, {everything / matching:.1f} × faster"
        f"   at least 3: {'holds' if holds else 'MISSED'}"
    )
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
