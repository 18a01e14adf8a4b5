"""Reads the chunks and blocks of series for the check, and summarises each of them.

A piece is a chunk or a block of points. Its summary has the facts about its points from which the facts of the series
follow. Many pieces are summarised together: numpy needs about the same time for one piece and for a thousand.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from bridge.maintenance.findings import Finding, found
from bridge.store.chunks import CODEC, Chunk, ChunkFacts, Columns, decode, facts_of
from bridge.store.place import comparable_values, find_greatest
from bridge.store.sql.chunks import BLOCK, CHUNK, Block, chunk_of, columns_of
from bridge.store.sql.connection import Connection
from bridge.store.sql.states import Facts, facts_of_points

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]

READ_CHUNKS = f"SELECT id, {', '.join(CHUNK)} FROM chunk WHERE series = ? ORDER BY first_position"
READ_BLOCKS = f"SELECT id, {', '.join(BLOCK)} FROM point_block WHERE series = ? ORDER BY id"

POINTS_AT_ONCE = 400_000
"""About how many points are summarised together. They take about 40 MB."""

CLOSE = 64 * 2.0**-52
"""How much two sums of the same numbers may differ because of the order of adding, relative to the sum of their sizes.

Processors add many numbers in different orders. numpy's order has an error of at most the logarithm of their number.
"""

OF_VALUES = ("first_value", "last_value", "minimum", "maximum")
DERIVED = ("api", "is_increasing", "is_by_step")
RANGES = {"steps": ("least_step", "greatest_step"), "timestamps": ("least_timestamp", "greatest_timestamp")}
"""The facts that can be computed from the first and the last number if the chunk does not contain the column."""


class Series(NamedTuple):
    """A series to check: its row id, and a text that names it in findings."""

    id: int
    is_text: bool
    subject: str


class Damaged(Exception):
    """A piece cannot be read. `finding` states why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.problem)
        self.finding = finding


class Reading:
    """The pieces of one series, read one after the other, so that a series of any length fits into memory.

    Args:
        c: a connection in a transaction.
        series: the series.

    Attributes:
        findings: what is wrong with the pieces. Complete after the iteration.
        blocks: the number of blocks.
        last: the last position; -1 before the first point.
        is_whole: whether all pieces could be read, and nothing shows that their points are wrong.
    """

    def __init__(self, c: Connection, series: Series) -> None:
        self._c, self._series = c, series
        self.findings: list[Finding] = []
        self.blocks, self.last, self.is_whole = 0, -1, True

    def __iter__(self) -> Iterator[Columns]:
        for id, *row in self._c.execute(READ_CHUNKS, (self._series.id,)):
            yield from self._taken(id, chunk_of(row))
        for id, *row in self._c.execute(READ_BLOCKS, (self._series.id,)):
            self.blocks += 1
            yield from self._taken(id, Block(*row))

    def _taken(self, id: int, piece: Chunk | Block) -> Iterator[Columns]:
        try:
            if isinstance(piece, Chunk):
                columns = read_chunk(id, piece, self._series)
                self._report(*differences(id, piece, columns, self._series))
            else:
                columns, finding = read_block(id, piece, self._series)
                self._report(*([finding] if finding else []))
        except Damaged as damaged:
            self._report(damaged.finding)
            return
        positions = columns.positions
        if int(positions[0]) <= self.last or not (positions[1:] > positions[:-1]).all():
            problem = f"Positions after {self.last} do not increase."
            self._report(found("points.order", self._series.subject, problem))
        self.last = int(positions[-1])
        yield columns

    def _report(self, *findings: Finding) -> None:
        self.findings += findings
        self.is_whole = self.is_whole and all(one.repairable or one.severity == "note" for one in findings)


def read_chunk(id: int, chunk: Chunk, series: Series) -> Columns:
    """Return the points of a chunk.

    Raises:
        Damaged: they cannot be decompressed.
    """
    if chunk.codec > CODEC:
        problem = f"Chunk {id} has the format {chunk.codec}, and this version knows {CODEC}."
        raise Damaged(found("chunk.newer", series.subject, problem, id))
    try:
        columns = decode(chunk, series.is_text)
    except Exception as error:  # damaged bytes make the libraries raise errors of many classes
        problem = f"Chunk {id} with {chunk.facts.points} points cannot be decompressed ({type(error).__name__})."
        raise Damaged(found("chunk.damaged", series.subject, problem, id)) from error
    if len(columns.values) != chunk.facts.points:
        problem = f"Chunk {id} has {len(columns.values)} points instead of {chunk.facts.points}."
        raise Damaged(found("chunk.damaged", series.subject, problem, id))
    return columns


def differences(id: int, chunk: Chunk, columns: Columns, series: Series) -> Iterator[Finding]:
    """Yield what is wrong with the facts of a chunk."""
    actual = facts_of(columns)
    wrong = {name for name in ChunkFacts._fields if getattr(chunk.facts, name) != getattr(actual, name)}
    if not wrong:
        return
    names = ", ".join(sorted(wrong))
    if wrong == {"total"} and _is_close(chunk.facts.total, actual.total, columns):
        yield found("chunk.sum", series.subject, f"The values of chunk {id} have another sum in the last digits.", id)
    elif wrong <= _trusted(chunk, actual, series):
        problem = f"Chunk {id} has wrong facts about its points: {names}."
        yield found("chunk.facts", series.subject, problem, series, id)
    else:
        problem = f"The points of chunk {id} do not match its facts: {names}."
        yield found("chunk.damaged", series.subject, problem, id)


def _is_close(before: float | None, now: float | None, columns: Columns) -> bool:
    import numpy

    values = numpy.asarray(columns.values, dtype=numpy.float64)
    size = float(numpy.abs(values[numpy.isfinite(values)]).sum())
    return before is not None and now is not None and abs(before - now) <= CLOSE * size


def _trusted(chunk: Chunk, actual: ChunkFacts, series: Series) -> set[str]:
    """Return the facts that may be computed again, because other facts show that the points are intact.

    The sum of the values shows that the values are intact, if all of them are finite. The steps and the timestamps have
    no such sum.
    """
    names = set(DERIVED)
    if not series.is_text and not actual.infinities and not actual.nans:
        names |= set(OF_VALUES)
    for column, ranges in RANGES.items():
        if getattr(chunk, column) is None:
            names |= set(ranges)
    return names


def read_block(id: int, block: Block, series: Series) -> tuple[Columns, Finding | None]:
    """Return the points of a block, and what is wrong with their number.

    Raises:
        Damaged: its columns do not have the same length.
    """
    try:
        columns = columns_of([block], series.is_text)
        if series.is_text and not isinstance(json.loads(block.values), list):
            raise ValueError("not a list")
    except (ValueError, TypeError) as error:
        problem = f"Block {id} cannot be read ({type(error).__name__})."
        raise Damaged(found("block.damaged", series.subject, problem, id)) from error
    lengths = {len(column) for column in columns}
    if len(lengths) != 1 or 0 in lengths:
        problem = f"The columns of block {id} have the lengths {', '.join(map(str, sorted(lengths)))}."
        raise Damaged(found("block.damaged", series.subject, problem, id))
    (points,) = lengths
    if points == block.points:
        return columns, None
    problem = f"Block {id} has {points} points, but its row states {block.points}."
    return columns, found("block.count", series.subject, problem, id, points)


class Summaries(NamedTuple):
    """The summaries of pieces, as arrays with one element for each piece, in the order in which they were added.

    `owners` has the number of the series of each piece. `texts` has the JSON of the latest text of a piece of texts.
    """

    owners: Array
    counts: Array
    steps: Array
    timestamps: Array
    values: Array
    texts: list[str | None]
    all_ints: Array
    greatest_timestamps: Array
    facts: Facts


class Summariser:
    """Collects pieces, and summarises them when they have `POINTS_AT_ONCE` points.

    The pieces of one series must be added one after the other, in log order.
    """

    def __init__(self) -> None:
        self._pieces: list[tuple[int, Columns]] = []
        self._points = 0
        self._done: list[Summaries] = []

    def add(self, owner: int, columns: Columns) -> None:
        """Add a piece of the series with the number `owner`."""
        self._pieces.append((owner, columns))
        self._points += len(columns.positions)
        if self._points >= POINTS_AT_ONCE:
            self._flush()

    def finish(self) -> Summaries | None:
        """Return the summaries of all pieces that were added, or None if there is no piece."""
        import numpy

        self._flush()
        done, self._done = self._done, []
        if not done:
            return None
        facts = Facts(*map(numpy.concatenate, zip(*(one.facts for one in done), strict=True)))
        texts = [text for one in done for text in one.texts]
        columns = {
            name: numpy.concatenate([getattr(one, name) for one in done])
            for name in Summaries._fields
            if name not in ("facts", "texts")
        }
        return Summaries(facts=facts, texts=texts, **columns)

    def _flush(self) -> None:
        if self._pieces:
            self._done.append(_summarised(self._pieces))
            self._pieces, self._points = [], 0


def _summarised(pieces: list[tuple[int, Columns]]) -> Summaries:
    import numpy

    columns = [columns for _, columns in pieces]
    counts = numpy.array([len(one.positions) for one in columns])
    begins = numpy.cumsum(counts) - counts
    owners = numpy.arange(len(counts)).repeat(counts)
    steps, timestamps, positions = (
        numpy.concatenate([getattr(one, name) for one in columns]) for name in ("steps", "timestamps", "positions")
    )
    is_text = numpy.array([isinstance(one.values, list) for one in columns])
    values = numpy.concatenate(
        [numpy.zeros(len(one.values)) if isinstance(one.values, list) else one.values for one in columns]
    )
    compared = comparable_values(values)
    of_text = is_text[owners]
    compared[of_text] = positions[of_text]  # of texts with the same step and timestamp, the last one is the latest
    latest = find_greatest(begins, owners, steps, timestamps, compared)
    with numpy.errstate(invalid="ignore"):
        is_int = (values == numpy.rint(values)) & numpy.isfinite(values)
    facts = facts_of_points(begins, counts, steps, timestamps, values)
    facts.first_value[is_text] = numpy.nan
    return Summaries(
        owners=numpy.array([owner for owner, _ in pieces]),
        counts=counts,
        steps=steps[latest],
        timestamps=timestamps[latest],
        values=values[latest],
        texts=[_text(one, int(at)) for one, at in zip(columns, latest - begins, strict=True)],
        all_ints=numpy.logical_and.reduceat(is_int, begins) & ~is_text,
        greatest_timestamps=numpy.maximum.reduceat(timestamps, begins),
        facts=facts,
    )


def _text(columns: Columns, at: int) -> str | None:
    return json.dumps(columns.values[at]) if isinstance(columns.values, list) else None
