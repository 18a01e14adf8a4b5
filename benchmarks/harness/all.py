"""Run all benchmarks, print one table, and write it to `benchmarks/results.md` (only at the sizes short and long).

Each benchmark runs in a process of its own. If one fails, the others still run, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.harness.command import CLOCKS, SIZES, read_rows
from benchmarks.harness.rows import Row, aligned, conditions, in_order, markdown

FOLDER = Path(__file__).resolve().parents[1]
RESULTS = FOLDER / "results.md"


def names() -> list[str]:
    """Return the names of the benchmarks."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))


def run(name: str, size: str, clock: str) -> list[Row] | None:
    """Run one benchmark, and return its rows; None if it failed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.json"
        begun = time.monotonic()
        print(f"== {name}", flush=True)
        command = [sys.executable, str(FOLDER / f"{name}.py"), "--size", size, "--clock", clock, "--json", str(path)]
        code = subprocess.run(command, check=False).returncode
        print(f"   {time.monotonic() - begun:.0f} s", flush=True)
        if not path.exists():
            print(f"   {name} failed with exit code {code}", flush=True)
            return None
        return read_rows(path)


def results(rows: list[Row], line: str) -> str:
    """Return the text of `results.md`."""
    return (
        "# Results of the benchmarks\n\n"
        "`make bench` writes this file. Each row was measured in one process together with its yardstick.\n"
        "[The benchmarks](README.md) describe the columns.\n\n"
        f"{line}\n\n{markdown(rows)}\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="the benchmarks to run; all by default")
    parser.add_argument("--size", choices=SIZES, default="short")
    parser.add_argument("--long", dest="size", action="store_const", const="long", help="the same as --size long")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu helps on a busy machine")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the file to write")
    given = parser.parse_args()
    line = conditions(given.size, given.clock)
    found = {name: run(name, given.size, given.clock) for name in given.names or names()}
    rows = in_order(row for own in found.values() for row in own or ())
    failed = [name for name, own in found.items() if own is None]
    print(f"\n{line}\n{aligned(rows)}")
    for name in failed:
        print(f"{name} failed")
    if given.size != "tiny" and not given.names:
        given.results.write_text(results(rows, line), encoding="utf-8")
    sys.exit(1 if failed or any(row.holds is False for row in rows) else 0)


if __name__ == "__main__":
    main()
