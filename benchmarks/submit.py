"""Measure the time from `submit` to Completed for a script of one second, and compare it with running it directly.

All cases are measured in turn, several times. The results are medians in seconds.
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
from pathlib import Path

from bridge import Experiment, ScriptRunConfig, Workspace

SCRIPT = "import time; time.sleep(1); print('done')\n"
LIMIT_SECONDS = 3.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    bare, returned, completed = [], [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "source").mkdir()
        script = folder / "source" / "train.py"
        script.write_text(SCRIPT)
        experiment = Experiment(Workspace.create("submit", path=folder / "workspace"), "submit")
        for _ in range(options.repeats):
            begun = time.perf_counter()
            subprocess.run([sys.executable, str(script)], check=True, stdout=subprocess.DEVNULL)
            bare.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            run = experiment.submit(ScriptRunConfig(folder / "source", script="train.py"))
            returned.append(time.perf_counter() - begun)
            run.wait_for_completion()
            completed.append(time.perf_counter() - begun)
            run.clean()
    print(
        f"{date.today()}, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; "
        f"medians of {options.repeats} alternating repeats"
    )
    whole = statistics.median(completed)
    print(f"  python train.py, which sleeps 1 s{statistics.median(bare):>8.2f} s")
    print(f"  submit returns after{statistics.median(returned):>21.2f} s")
    holds = whole < LIMIT_SECONDS
    print(f"  submit to Completed{whole:>22.2f} s   under {LIMIT_SECONDS:g}: {'holds' if holds else 'MISSED'}")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
