"""Functions that write and read journals without a store."""

from __future__ import annotations

import struct
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from bridge.journal.folder import JournalFolder
from bridge.journal.reader import JournalReader
from bridge.journal.stretch import Stretch
from bridge.journal.writer import JournalWriter
from bridge.records.series import Definition, Point

Written: TypeAlias = "tuple[str, str, str, object, int, int | None]"
"""A point in comparable form: run, key, column, value (a number by its bits), timestamp, step."""

RUN = "r" * 32


def bits(value: object) -> object:
    return struct.pack("<d", value).hex() if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def as_written(run_id: str, points: Sequence[Point]) -> list[Written]:
    return [(run_id, p.key, p.column, bits(p.value), p.timestamp, p.step) for p in points]


def journals(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.log"))


def reader_of(folder: Path, journal_id: str) -> JournalReader:
    held = JournalFolder(folder)
    held.look()
    reader = JournalReader(held, journal_id)
    weakref.finalize(reader, held.close)  # thousands of readers would use up the files that a process may open
    return reader


def points_of(stretch: Stretch, definitions: dict[int, Definition]) -> list[Written]:
    found: list[Written] = []
    for row in stretch.rows:
        run_id, key, column, _, value_type = definitions[int(row["series"])]
        value = stretch.texts[int(row["value"])] if value_type == "text" else bits(float(row["value"]))
        found.append(
            (run_id, key, column, value, int(row["timestamp"]), int(row["step"]) if row["flags"] & 1 else None)
        )
    return found


def read_in_parts(folder: Path, journal_id: str, wanted: int) -> tuple[list[Written], Stretch]:
    """Read a journal in pieces of about `size` bytes; return all points and the last stretch."""
    reader = reader_of(folder, journal_id)
    size = (folder / f"{journal_id}.log").stat().st_size
    found: list[Written] = []
    at = 0
    for _ in range(size + 2):
        stretch = reader.read(at, size, wanted)
        found += points_of(stretch, reader.definitions)
        if stretch.end <= max(at, reader.records_at):
            if stretch.end <= at or at == 0:
                return found, stretch
        at = stretch.end
    raise AssertionError("a reader makes no progress")


def write(folder: Path, calls: Sequence[Sequence[Point]], close: bool = True) -> str:
    """Log points, one call after the other; return the id of their journal."""
    folder.mkdir(exist_ok=True)
    writer = JournalWriter(folder)
    for points in calls:
        writer.log(RUN, points, 0)
    journal_id = writer.journal_id
    if close:
        writer.close()
    else:
        writer.after_fork()
    return journal_id
