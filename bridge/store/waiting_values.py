"""Adds points that wait in the journal of this process to the record of a run, while its server is away."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bridge.errors import BridgeError
from bridge.journal.folder import JournalFolder
from bridge.journal.format import HAS_STEP
from bridge.journal.system import is_of_handler
from bridge.records.series import COLUMN, SCALAR, Definition, Latest, comparable

if TYPE_CHECKING:
    from bridge.journal.stretch import Stretch
    from bridge.records.run import RunRecord
    from bridge.records.views import Array

Position = tuple[str, int]
"""The id of a journal, and a byte offset in it."""


class Waiting(NamedTuple):
    """The points after a position, and the series that they belong to."""

    stretch: Stretch
    definitions: Mapping[int, Definition]


def read_waiting(folder: Path, now: Position, since: Position) -> Waiting | None:
    """Return the points of an open journal; None if there are none, or the journal cannot be read.

    Args:
        folder: the folder of journals.
        now: the journal and its size.
        since: where to begin. If it is in another journal, the points of the open journal from its start are returned.
    """
    from bridge.journal.reader import JournalReader

    journal_id, size = now
    if not journal_id or now == since:
        return None
    journals = JournalFolder(folder)
    try:
        journals.look()
        reader = JournalReader(journals, journal_id)
        start = since[1] if since[0] == journal_id else 0
        return Waiting(reader.read(max(start, reader.records_at), size), reader.definitions)
    except (BridgeError, OSError) as error:
        if is_of_handler(error):
            raise
        return None
    finally:
        journals.close()


def with_waiting(record: RunRecord, waiting: Waiting) -> RunRecord:
    """Return the record of a run with the latest values that result from further points.

    A point without a step gets the step after that of the latest value. Of texts, the last logged one is the latest:
    a record does not contain the steps of texts.
    """
    numbers, texts, columns = dict(record.latest), dict(record.latest_texts), dict(record.latest_columns)
    for definition, rows in _by_series(record.id, waiting):
        key = definition.key
        if definition.kind == SCALAR and definition.value_type == "text":
            texts[key] = waiting.stretch.texts[int(rows["value"][-1])]
        elif definition.kind == SCALAR:
            numbers[key] = _latest(rows, numbers.get(key))
        elif definition.kind == COLUMN and definition.value_type == "number":
            columns[key, definition.column] = _latest(rows, columns.get((key, definition.column)))
    return replace(record, latest=numbers, latest_texts=texts, latest_columns=columns)


def _by_series(run_id: str, waiting: Waiting) -> Iterator[tuple[Definition, Array]]:
    """Yield the series of a run with their points in log order. Series that were logged first come first."""
    import numpy

    rows = waiting.stretch.rows
    order = numpy.argsort(rows["series"], kind="stable")
    found, begins = numpy.unique(rows["series"][order], return_index=True)
    groups = dict(zip(found.tolist(), numpy.split(order, begins[1:]), strict=True)) if len(rows) else {}
    by_definition: dict[Definition, list[Array]] = defaultdict(list)
    for number, places in sorted(groups.items(), key=lambda group: int(group[1][0])):
        definition = waiting.definitions.get(number)
        if definition is not None and definition.run_id == run_id:
            by_definition[definition].append(places)
    for definition, places_of in by_definition.items():
        yield definition, rows[numpy.sort(numpy.concatenate(places_of))]


def _latest(rows: Array, before: Latest | None) -> Latest:
    """Return the latest of points and of the latest point before them."""
    import numpy

    has_step = (rows["flags"] & HAS_STEP) != 0
    first = 0 if before is None else before.step + 1
    steps = numpy.where(has_step, rows["step"], first + numpy.cumsum(~has_step) - 1)
    last = steps == steps.max()
    rows, steps = rows[last], steps[last]
    last = rows["timestamp"] == rows["timestamp"].max()
    columns = rows["value"][last], rows["timestamp"][last], steps[last]
    points = [] if before is None else [before]
    points += map(Latest._make, zip(*(column.tolist() for column in columns), strict=True))
    return max(points, key=lambda point: (point.step, point.timestamp, comparable(point.value)))
