"""The command line of one benchmark."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import TypeVar

from benchmarks.harness.measure import Times
from benchmarks.harness.rows import Bar, Row, aligned, conditions, in_order

CLOCKS = ("wall", "cpu")
SIZES = ("tiny", "short", "long")
T = TypeVar("T")
_numbers = count()


@dataclass(frozen=True)
class Options:
    """The size of a benchmark, and a folder for its files.

    Args:
        size: "tiny" (seconds; only shows that the benchmark runs), "short" or "long".
        folder: a folder that is removed afterwards.
        ending: closes what was opened in the folder, before it is removed.
        repeat: replaces the number of repeats of each measurement.
        clock: "wall", or "cpu" for the CPU time of the calling thread.
    """

    size: str
    folder: Path
    ending: ExitStack
    repeat: int | None = None
    clock: str = "wall"

    def pick(self, tiny: T, short: T, long: T) -> T:
        """Return the value for this size."""
        return {"tiny": tiny, "short": short, "long": long}[self.size]

    def repeats(self, usual: int) -> int:
        """Return how often a case is measured: once if the size is "tiny"."""
        return self.repeat or (1 if self.size == "tiny" else usual)

    def seconds(self, times: Times) -> float:
        """Return the median by the chosen clock. Cases that wait for a disk or a process always use the wall clock."""
        return times.thread if self.clock == "cpu" else times.wall

    def new_folder(self, name: str = "place") -> Path:
        """Create a folder, and return its path."""
        path = self.folder / f"{name}-{next(_numbers)}"
        path.mkdir()
        return path


def main(description: str | None, rows_of: Callable[[Options], Iterable[Row]]) -> None:
    """Run one benchmark, print its table, and exit with 1 if a row misses its bar.

    A run of the size "tiny" always exits with 0, because its numbers mean nothing.

    Args:
        description: the text of `--help`.
        rows_of: the benchmark.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="short", help="tiny only shows that the benchmark runs")
    parser.add_argument("--long", dest="size", action="store_const", const="long", help="the same as --size long")
    parser.add_argument("--repeats", type=int, help="how often each case is measured")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu helps on a busy machine")
    parser.add_argument("--folder", help="where to write; a temporary folder by default")
    parser.add_argument("--json", type=Path, help="a file to write the rows to")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    sys.stdout.reconfigure(encoding="utf-8", line_buffering=True)  # type: ignore[union-attr]  # it is a text file
    print(conditions(given.size, given.clock))
    with tempfile.TemporaryDirectory(dir=given.folder, prefix="runbridge-") as name, ExitStack() as ending:
        rows = in_order(rows_of(Options(given.size, Path(name), ending, given.repeats, given.clock)))
    print(aligned(rows))
    if given.json:
        given.json.write_text(json.dumps([asdict(row) for row in rows]), encoding="utf-8")
    sys.exit(1 if given.size != "tiny" and any(row.holds is False for row in rows) else 0)


def read_rows(path: Path) -> list[Row]:
    """Return the rows that `--json` has written."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    return [Row(**{**row, "bar": row["bar"] and Bar(*row["bar"])}) for row in rows]
