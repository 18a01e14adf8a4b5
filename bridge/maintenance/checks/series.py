"""Checks the rows of series against their points: the latest value, the facts, the number of points and the index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from bridge.maintenance.checks.pieces import Reading, Series, Summaries, Summariser
from bridge.maintenance.findings import Finding, found
from bridge.store.extremes import find_extremes
from bridge.store.place import comparable_values, find_greatest
from bridge.store.sql.connection import Connection
from bridge.store.sql.labels import prefix_of
from bridge.store.sql.statements import in_chunks
from bridge.store.sql.states import STATE, UNCOUNTED, Facts, States, states_of_rows

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]

READ = (
    'SELECT s.id, s.run, r.id, s.name, n.key, n.kind, n."column", n.value_type, s.indexed, s.prefix, s.hot,'
    f" w.run IS NOT NULL, {', '.join(f's.{column}' for column in STATE)}"
    " FROM series s LEFT JOIN run r ON r.key = s.run LEFT JOIN name n ON n.id = s.name"
    " LEFT JOIN waiting w ON w.run = s.run WHERE s.id IN ({})"
)
ALL_NAN = 9e999
"""The value of the index for NaN."""


class Row(NamedTuple):
    """A row of the table `series`, with its name and its run. The fields of the name are None if it is lost."""

    id: int
    run: int
    run_id: str
    name: int
    key: str | None
    kind: int | None
    column: str | None
    value_type: str | None
    indexed: float | None
    prefix: str | None
    hot: int
    waits: int
    state: tuple[Any, ...]

    @property
    def is_text(self) -> bool:
        """Whether the values are texts. If the name is lost, the latest value shows it."""
        return (
            self.state[STATE.index("latest_text")] is not None
            if self.value_type is None
            else (self.value_type == "text")
        )

    @property
    def key_or_name(self) -> str:
        """The key, or the number of the name if the key is lost."""
        return f"name {self.name}" if self.key is None else self.key

    @property
    def subject(self) -> str:
        """A text that names the series in findings."""
        key = self.key_or_name if self.key is None else repr(self.key)
        column = f", column {self.column!r}" if self.column else ""
        kind = f", kind {self.kind}" if self.kind and not self.column else ""
        return f"run {self.run_id}, {key}{column}{kind}"


class Expected(NamedTuple):
    """The states that series must have according to their points, and other facts about the points.

    `whole` is False for a series with a piece that cannot be read. Its state is not compared.
    """

    rows: list[Row]
    states: States
    blocks: list[int]
    lasts: list[int]
    whole: list[bool]
    greatest_timestamps: Array


def read_rows(c: Connection, ids: Sequence[int]) -> list[Row]:
    """Return the series with these ids."""
    return [Row._make((*row[:12], row[12:])) for row in in_chunks(c, READ, ids)]


def check_series(c: Connection, rows: Sequence[Row]) -> tuple[list[Finding], Expected | None]:
    """Check series and all their points. Return the findings, and what the points show.

    `Expected` is None if none of the series has points that can be read.
    """
    findings: list[Finding] = []
    readings, summariser = [], Summariser()
    for owner, row in enumerate(rows):
        reading = Reading(c, Series(row.id, row.is_text, row.subject))
        for columns in reading:
            summariser.add(owner, columns)
        findings += reading.findings
        readings.append(reading)
    summaries = summariser.finish()
    findings += _lost(rows, readings)
    if summaries is None:
        return findings, None
    expected = _expected(rows, readings, summaries)
    return findings + list(_differences(expected)), expected


def _lost(rows: Sequence[Row], readings: Sequence[Reading]) -> Iterator[Finding]:
    for row, reading in zip(rows, readings, strict=True):
        if reading.is_whole and reading.last < 0:
            yield found("series.lost", row.subject, "The series has no points, although its row exists.")


def _expected(rows: Sequence[Row], readings: Sequence[Reading], summaries: Summaries) -> Expected:
    import numpy

    own = [owner for owner, reading in enumerate(readings) if reading.last >= 0]
    begins = numpy.searchsorted(summaries.owners, own)
    return Expected(
        [rows[owner] for owner in own],
        _states(summaries, begins),
        [readings[owner].blocks for owner in own],
        [readings[owner].last for owner in own],
        [readings[owner].is_whole for owner in own],
        numpy.maximum.reduceat(summaries.greatest_timestamps, begins),
    )


def _states(pieces: Summaries, begins: Array) -> States:
    """Return the states of series, from the summaries of their pieces. A summary is used like a point."""
    import numpy

    counts = numpy.append(begins[1:], len(pieces.counts)) - begins
    series = numpy.arange(len(begins)).repeat(counts)
    compared = comparable_values(pieces.values)
    is_text = numpy.array([text is not None for text in pieces.texts])
    compared[is_text] = numpy.arange(len(compared))[is_text]
    latest = find_greatest(begins, series, pieces.steps, pieces.timestamps, compared)
    return States(
        all_ints=numpy.logical_and.reduceat(pieces.all_ints, begins),
        steps=pieces.steps[latest],
        timestamps=pieces.timestamps[latest],
        values=pieces.values[latest],
        texts=[pieces.texts[at] for at in latest.tolist()],
        points=numpy.add.reduceat(pieces.counts, begins),
        facts=_facts(pieces.facts, begins, series),
    )


def _facts(facts: Facts, begins: Array, series: Array) -> Facts:
    import numpy

    zeros = numpy.zeros_like(facts.first_step)
    first = find_extremes(begins, series, facts.first_step, facts.first_timestamp, facts.first_value).first
    missing = numpy.isnan(facts.first_value)  # a piece whose values are all NaN has no facts
    least, greatest = (numpy.where(missing, numpy.nan, values) for values in (facts.minimum_value, facts.maximum_value))
    minimum = find_extremes(begins, series, zeros, zeros, least).minimum
    maximum = find_extremes(begins, series, zeros, zeros, greatest).maximum
    return Facts(
        facts.first_step[first],
        facts.first_timestamp[first],
        numpy.where(first < 0, numpy.nan, facts.first_value[first]),
        facts.minimum_step[minimum],
        facts.minimum_value[minimum],
        facts.maximum_step[maximum],
        facts.maximum_value[maximum],
    )


def _differences(expected: Expected) -> Iterator[Finding]:
    """Yield the findings of the series whose rows differ from their points."""
    import numpy

    stored = states_of_rows([row.state for row in expected.rows])
    wrong = _wrong_columns(stored, expected.states)
    whole = numpy.array(expected.whole, dtype=bool)
    for at in numpy.flatnonzero(numpy.logical_or.reduce(list(wrong.values())) & whole).tolist():
        row = expected.rows[at]
        names = ", ".join(name for name, is_wrong in wrong.items() if is_wrong[at])
        yield found("series.facts", row.subject, f"The row has a wrong value: {names}.", row.id)
    for row, blocks, whole_series in zip(expected.rows, expected.blocks, expected.whole, strict=True):
        yield from _of_index(row)
        if whole_series and row.state[STATE.index("points")] is not None and row.hot != blocks:
            yield found("series.blocks", row.subject, f"The row counts {row.hot} blocks instead of {blocks}.", row.id)


def _wrong_columns(stored: States, actual: States) -> dict[str, Array]:
    """Return where the stored states differ from the actual ones, by the name of what differs."""
    import numpy

    is_counted = stored.points != UNCOUNTED
    has_facts = ~numpy.isnan(actual.facts.first_value)
    of_text = numpy.array([text is not None for text in actual.texts], dtype=bool)
    texts = numpy.array([a != b for a, b in zip(stored.texts, actual.texts, strict=True)], dtype=bool)
    differs = {
        "latest step": stored.steps != actual.steps,
        "latest timestamp": stored.timestamps != actual.timestamps,
        "latest value": (stored.values.view("<i8") != actual.values.view("<i8")) & ~of_text | texts,
        "all_ints": stored.all_ints & ~actual.all_ints & ~of_text,
        "points": is_counted & (stored.points != actual.points),
    }
    for name, before, now in zip(Facts._fields, stored.facts, actual.facts, strict=True):
        differs[name] = is_counted & has_facts & (before != now)
    differs["facts"] = is_counted & ~has_facts & ~numpy.isnan(stored.facts.first_value)
    return differs


def _of_index(row: Row) -> Iterator[Finding]:
    """Yield a finding if searches do not find the latest value of a series."""
    value, text = (row.state[STATE.index(name)] for name in ("latest_value", "latest_text"))
    if row.is_text:
        if row.prefix != (None if text is None else prefix_of(text)):
            yield found("series.index", row.subject, "The index of texts has another value.", row.id)
    elif not row.waits and row.indexed != (ALL_NAN if value is None else value):
        problem = f"The index has the value {row.indexed} instead of {value}."
        yield found("series.index", row.subject, problem, row.id)


Lasts: TypeAlias = "dict[tuple[int, str], tuple[int, bool]]"
"""For each run and key: the last position of its points, or -1, and whether all its points can be read."""


def add_last_positions(lasts: Lasts, rows: Sequence[Row], expected: Expected | None) -> None:
    """Add the last positions of series to those of other series, which may have the same keys."""
    known = {} if expected is None else {
        row.id: (last, whole) for row, last, whole in zip(expected.rows, expected.lasts, expected.whole, strict=True)
    }  # fmt: skip
    for row in rows:
        last, whole = known.get(row.id, (-1, False))
        before = lasts.get((row.run, row.key_or_name), (-1, True))
        lasts[row.run, row.key_or_name] = max(before[0], last), before[1] and whole
