"""Finds out which points of a journal are stored, if the receipt of the journal is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from bridge.journal.folder import JournalFolder
from bridge.journal.format import HAS_STEP
from bridge.journal.reader import READ_BYTES, JournalReader
from bridge.journal.stretch import Stretch
from bridge.records.series import Definition
from bridge.store.sql.connection import Connection
from bridge.store.sql.runs import keys_of
from bridge.store.sql.series import read as read_series


class Logged(NamedTuple):
    """A point of a journal. `end` is the offset at which its record ends, and `step` is None if it was not given."""

    end: int
    definition: Definition
    step: int | None
    timestamp: int
    value: object


def stored_end(c: Connection, folder: JournalFolder, journal_id: str) -> int:
    """Return the offset after the last record of a journal whose points are all stored.

    A fold stores the records of a journal in their order. So the stored records come first, and the first record with a
    point that is not stored ends them.
    """
    reader = JournalReader(folder, journal_id)
    size, at = folder.size_of(journal_id), reader.records_at
    stored = StoredPoints(c)
    while at < size:
        stretch = reader.read(at, size, READ_BYTES)
        begin = end = max(at, stretch.start)
        for point in _points(reader, stretch):
            if point.end != end:  # the points of one row end at the same offset
                begin, end = end, point.end
            if not stored.take(point):
                return begin
        if stretch.closed or stretch.torn or stretch.unknown or stretch.end <= at:
            return max(at, stretch.end)
        at = stretch.end
    return at


def _points(reader: JournalReader, stretch: Stretch) -> Iterator[Logged]:
    names = ("series", "flags", "step", "timestamp", "value")
    columns = (stretch.rows[name].tolist() for name in names)
    for end, number, flags, step, timestamp, value in zip(stretch.row_ends.tolist(), *columns, strict=True):
        definition = reader.definitions[number]
        own = stretch.texts[int(value)] if definition.value_type == "text" else value
        yield Logged(end, definition, step if flags & HAS_STEP else None, timestamp, own)


class StoredPoints:
    """The stored points of series, each of which can be taken once."""

    def __init__(self, c: Connection) -> None:
        self._c = c
        self._left: dict[Definition, dict[tuple[int, str], list[int]]] = {}

    def take(self, point: Logged) -> bool:
        """Take a point, and return whether it is stored. If it has no step, the steps are not compared."""
        if point.definition not in self._left:
            self._left[point.definition] = self._read(point.definition)
        steps = self._left[point.definition].get((point.timestamp, repr(point.value)), [])
        if not steps or (point.step is not None and point.step not in steps):
            return False
        steps.remove(steps[0] if point.step is None else point.step)
        return True

    def _read(self, definition: Definition) -> dict[tuple[int, str], list[int]]:
        found: dict[tuple[int, str], list[int]] = {}
        run = keys_of(self._c, [definition.run_id]).get(definition.run_id)
        for record in [] if run is None else read_series(self._c, [run], [definition.key])[run]:
            if (record.column, record.kind, record.value_type) != definition[2:]:
                continue
            values = record.texts if record.numbers is None else record.numbers.tolist()
            for step, timestamp, value in zip(
                record.steps.tolist(), record.timestamps.tolist(), values or (), strict=True
            ):
                found.setdefault((timestamp, repr(value)), []).append(step)
        return found
