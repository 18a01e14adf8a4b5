"""The rows of the table that the benchmarks print, and the bars that they are held to."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

PACKAGES = ("runbridge", "mlflow", "numpy", "pcodec", "torch", "tensorboard")
HEADINGS = ("", "measured", "value", "yardstick", "ratio", "MLflow's SQLite store", "bar", "", "durability", "note")


class Bar(NamedTuple):
    """The limit of a row.

    `of` is "ratio" if the ratio to the yardstick is compared with the limit, or "value" if the value is.
    If it is "mlflow", `limit` is how many times better than MLflow's SQLite store the value must be.
    """

    of: str
    at_least: bool
    limit: float

    def __str__(self) -> str:
        sign, unit = "≥" if self.at_least else "≤", "" if self.of == "value" else " ×"
        return f"{sign} {self.limit:g}{unit}{' better than MLflow' if self.of == 'mlflow' else ''}"


def at_most(limit: float) -> Bar:
    """Return the bar of a value that may be at most `limit` times its yardstick."""
    return Bar("ratio", False, limit)


def at_least(limit: float) -> Bar:
    """Return the bar of a value that must be at least `limit` times its yardstick."""
    return Bar("ratio", True, limit)


def better_than_mlflow(limit: float) -> Bar:
    """Return the bar of a value that must be at least `limit` times better than the value of MLflow's SQLite store."""
    return Bar("mlflow", True, limit)


def value_at_most(limit: float) -> Bar:
    """Return the bar of a value that has no yardstick, or whose yardstick is only informative."""
    return Bar("value", False, limit)


def value_at_least(limit: float) -> Bar:
    """Return the bar of a rate that has no yardstick, or whose yardstick is only informative."""
    return Bar("value", True, limit)


@dataclass(frozen=True)
class Row:
    """One measured promise.

    Args:
        promise: its number, for example "3b".
        name: what is measured.
        value: the measured value; None if the function that is measured does not exist yet.
        unit: the unit of all values of the row. If it ends with "/s", greater values are better.
        yardstick: what the value is compared with.
        reference: the value of the yardstick.
        mlflow: the value of MLflow's SQLite store.
        bar: the limit; None if the value is only informative.
        durability: the durability of what is logged; empty if nothing is logged.
        note: what the numbers do not say.
    """

    promise: str
    name: str
    value: float | None
    unit: str
    yardstick: str = ""
    reference: float | None = None
    mlflow: float | None = None
    bar: Bar | None = None
    durability: str = "process"
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """The value divided by that of the yardstick."""
        return None if self.value is None or not self.reference else self.value / self.reference

    @property
    def times_mlflow(self) -> float | None:
        """How many times better the value is than MLflow's."""
        if not self.value or not self.mlflow:
            return None
        return self.value / self.mlflow if self.unit.endswith("/s") else self.mlflow / self.value

    @property
    def holds(self) -> bool | None:
        """Whether the row meets its bar; None without a bar or without a value to compare."""
        if self.bar is None:
            return None
        compared = {"ratio": self.ratio, "mlflow": self.times_mlflow, "value": self.value}[self.bar.of]
        if compared is None:
            return None
        return compared >= self.bar.limit if self.bar.at_least else compared <= self.bar.limit

    @property
    def verdict(self) -> str:
        """One word on the row: "holds" or "MISSED"; or "not built yet"."""
        if self.value is None:
            return "not built yet"
        return {True: "holds", False: "MISSED", None: ""}[self.holds]

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as texts, in the order of `HEADINGS`."""
        yardstick = f"{self.yardstick}: {number(self.reference)} {self.unit}" if self.reference is not None else ""
        theirs = f"{number(self.mlflow)} {self.unit}"
        if self.times_mlflow is not None:
            theirs += f", {number(self.times_mlflow)} × worse"
        return (
            self.promise,
            self.name,
            "" if self.value is None else f"{number(self.value)} {self.unit}",
            yardstick or self.yardstick,
            "" if self.ratio is None else f"{number(self.ratio)} ×",
            "" if self.mlflow is None else theirs,
            "" if self.bar is None else str(self.bar),
            self.verdict,
            self.durability,
            self.note,
        )


def number(value: float | None) -> str:
    """Return a number with about three digits."""
    if value is None:
        return ""
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.1 or not size else 4
    return f"{value:,.{digits}f}"


def in_order(rows: Iterable[Row]) -> list[Row]:
    """Return the rows sorted by promise: first numbers with their letters, then words."""

    def place(row: Row) -> tuple[int, str]:
        digits = re.match(r"\d+", row.promise)
        return (int(digits[0]) if digits else 1000, row.promise)

    return sorted(rows, key=place)


def aligned(rows: Sequence[Row]) -> str:
    """Return the rows as a table for a terminal."""
    table = [HEADINGS, *(row.cells for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in table]
    return "\n".join(lines)


def markdown(rows: Sequence[Row]) -> str:
    """Return the rows as a table in Markdown."""
    table = [HEADINGS, ("---",) * len(HEADINGS), *(row.cells for row in rows)]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in table)


def conditions(size: str, clock: str) -> str:
    """Return one line on the date, the commit, the machine, the versions, the size of the benchmarks and the clock."""
    found = [f"{name} {installed}" for name in PACKAGES if (installed := _version(name))]
    now = datetime.now(timezone.utc)
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores (load {os.getloadavg()[0]:.1f})"
    return (
        f"{now:%Y-%m-%d %H:%M} UTC, commit {_commit()}, {machine}, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {', '.join(found)}; "
        f"size: {size}; medians of alternating repeats; clock: {clock}"
    )


def _commit() -> str:
    """Return the short id of the commit that is measured, or "unknown" outside of a git repository."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
