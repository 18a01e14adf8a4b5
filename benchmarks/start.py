"""Measure the time for `import bridge` and for a first metric in a new process, and compare it with an empty program.

All cases are measured in turn, several times.
The results are medians in milliseconds, including the start of Python.
All modules are loaded from bytecode, as in an installed package, even if the environment disables writing it.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date

BARE = "import sqlite3, json, uuid, threading"
IMPORT = "import bridge"
FIRST = (
    "import sys, bridge\n"
    "run = bridge.Experiment(bridge.Workspace.open(sys.argv[1]), 'start').start_logging()\n"
    "run.log('loss', 0.5)\n"
)


def measure(code: str, folder: str, place: str) -> float:
    """Run a program in a folder below `folder`, and return the milliseconds from its start to its end."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPYCACHEPREFIX": f"{folder}/bytecode", "BRIDGE_HOME": f"{folder}/home"}
    command = [sys.executable, "-c", code, f"{folder}/workspace"]
    begun = time.perf_counter()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL, cwd=f"{folder}/{place}", env=environment)
    return (time.perf_counter() - begun) * 1e3


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=25)
    options = parser.parse_args()
    from bridge import Workspace

    codes = {"bare": BARE, "import": IMPORT, "first": FIRST, "source": FIRST}
    times: dict[str, list[float]] = {row: [] for row in codes}
    with tempfile.TemporaryDirectory() as folder:
        Workspace.create("start", path=f"{folder}/workspace")
        os.mkdir(f"{folder}/empty")
        os.mkdir(f"{folder}/source")
        with open(f"{folder}/source/train.py", "w") as script:
            script.write(FIRST)
        places = {row: "source" if row == "source" else "empty" for row in codes}
        for row, code in codes.items():
            measure(code, folder, places[row])
        for _ in range(options.repeats):
            for row, code in codes.items():
                times[row].append(measure(code, folder, places[row]))
    bare, imported, first, with_source = (statistics.median(times[row]) for row in codes)
    print(
        f"{date.today()}, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; "
        f"medians of {options.repeats} alternating repeats"
    )
    print(f"  python -c '{BARE}'{bare:>10.1f} ms")
    held = True
    for what, value, limit in (("import bridge", imported, 3.0), ("open, log a first metric, exit", first, 4.0)):
        holds = value / bare <= limit
        held = held and holds
        print(
            f"  {what:<34}{value:>8.1f} ms, {value / bare:.2f} ×   at most {limit:g}: {'holds' if holds else 'MISSED'}"
        )
    what = "the same with a script, stored as a snapshot"
    print(f"  {what:<34}{with_source:>8.1f} ms, {with_source / bare:.2f} ×")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
