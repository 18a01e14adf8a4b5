"""Compresses the points of a series to chunks, and decompresses them.

A chunk contains up to `MOST_POINTS` points of one series in log order. Its facts describe the points, so that many
readers do not need to decompress them.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from bridge.errors import SchemaMismatch, StoreUnavailable

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]

MOST_POINTS = 65_536
"""The greatest number of points in a chunk. Decompressing a full chunk takes about 0.4 ms."""

CODEC = 1
"""The number of the format in which this version compresses chunks.

Numbers are in the standalone format of the library pcodec, and texts are a JSON list that zlib has compressed. A column
whose numbers rise in equal steps is not stored, because the facts contain its first and its last number.
"""

LEVEL = 8
"""The level of compression: with a greater level, pcodec takes three times as long, and saves less than 1 %."""

MOST_KEPT = 1 << 20
"""The greatest number of positions that are kept for the next series. They take 8 MB."""

_kept_ramp: Array | None = None


class Columns(NamedTuple):
    """The points of a series in log order, as arrays of one length; see `bridge.records.series.SeriesRecord`.

    `values` is a float64 array of numbers, or a list of texts.
    """

    positions: Array
    steps: Array
    timestamps: Array
    values: Array | list[str | bool | None]
    apis: Array

    def cut(self, begin: int, end: int) -> Columns:
        """Return the points from `begin` to before `end`."""
        part = slice(begin, end)
        return Columns(
            self.positions[part], self.steps[part], self.timestamps[part], self.values[part], self.apis[part]
        )


class ChunkFacts(NamedTuple):
    """Facts about the points of a chunk. The fields are columns of the database.

    `first_…` and `last_…` belong to the first and the last point in log order. `least_…` and `greatest_…` are the
    ranges of steps and timestamps.
    `minimum` and `maximum` are the least and the greatest value: NaN is skipped, and ±inf is not.
    `nans` and `infinities` are the numbers of such values. `total` is the sum of all other values.
    The facts of values are None for texts, and for NaN.
    `api` is the API that logged all points, or None if both APIs logged some of them.
    `is_increasing` is 1 if each point has a greater (timestamp, step) than the point before it. Then MLflow's order is
    the log order, and no two points are equal. `is_by_step` is 1 if the same is true of (step, timestamp).
    """

    points: int
    first_position: int
    last_position: int
    first_step: int
    last_step: int
    least_step: int
    greatest_step: int
    first_timestamp: int
    last_timestamp: int
    least_timestamp: int
    greatest_timestamp: int
    first_value: float | None
    last_value: float | None
    minimum: float | None
    maximum: float | None
    total: float | None
    nans: int
    infinities: int
    api: int | None
    is_increasing: int
    is_by_step: int


class Chunk(NamedTuple):
    """A compressed chunk. `positions`, `steps`, `timestamps` and `apis` are None if the facts contain them.

    `library` is the name and version of the library that compressed the numbers.
    """

    codec: int
    library: str
    facts: ChunkFacts
    positions: bytes | None
    steps: bytes | None
    timestamps: bytes | None
    values: bytes
    apis: bytes | None


def load() -> None:
    """Load the library that compresses numbers."""
    import numpy

    _compressed(numpy.zeros(1), "<f8")


def encode(columns: Columns) -> Chunk:
    """Compress points. There must be at least one point, and at most `MOST_POINTS`."""
    facts = facts_of(columns)
    values = columns.values
    return Chunk(
        codec=CODEC,
        library=f"pcodec {_version()}",
        facts=facts,
        positions=_compressed_integers(columns.positions),
        steps=_compressed_integers(columns.steps),
        timestamps=_compressed_integers(columns.timestamps),
        values=zlib.compress(json.dumps(values).encode()) if isinstance(values, list) else _compressed(values, "<f8"),
        apis=zlib.compress(columns.apis.astype("u1", copy=False).tobytes()) if facts.api is None else None,
    )


def decode(chunk: Chunk, is_text: bool) -> Columns:
    """Decompress all points of a chunk."""
    values = decode_texts(chunk) if is_text else decode_column(chunk, "values")
    positions, steps, timestamps, apis = (
        decode_column(chunk, name) for name in ("positions", "steps", "timestamps", "apis")
    )
    return Columns(positions, steps, timestamps, values, apis)


def decode_positions(chunk: Chunk, out: Array) -> None:
    """Write the positions of a chunk to `out`, a contiguous int64 array with one entry for each point."""
    _decompress_integers(chunk, chunk.positions, chunk.facts.first_position, chunk.facts.last_position, out)


def decode_steps(chunk: Chunk, out: Array) -> None:
    """Write the steps of a chunk to `out`, a contiguous int64 array with one entry for each point."""
    _decompress_integers(chunk, chunk.steps, chunk.facts.first_step, chunk.facts.last_step, out)


def decode_timestamps(chunk: Chunk, out: Array) -> None:
    """Write the timestamps of a chunk to `out`, a contiguous int64 array with one entry for each point."""
    _decompress_integers(chunk, chunk.timestamps, chunk.facts.first_timestamp, chunk.facts.last_timestamp, out)


def decode_numbers(chunk: Chunk, out: Array) -> None:
    """Write the numbers of a chunk, with all their bits, to `out`, a contiguous float64 array."""
    _decompress(chunk, chunk.values, out)


def decode_texts(chunk: Chunk) -> list[str | bool | None]:
    """Return the texts of a chunk."""
    _check_codec(chunk)
    texts: list[str | bool | None] = json.loads(zlib.decompress(chunk.values))
    return texts


def decode_apis(chunk: Chunk, out: Array) -> None:
    """Write the API that logged each point of a chunk to `out`, a uint8 array."""
    import numpy

    _check_codec(chunk)
    out[:] = chunk.facts.api if chunk.apis is None else numpy.frombuffer(zlib.decompress(chunk.apis), dtype="u1")


def joined(parts: Sequence[Columns]) -> Columns:
    """Return the points of several columns of the same value type, one part after the other."""
    import numpy

    values: list[Any] = [part.values for part in parts]
    return Columns(
        numpy.concatenate([part.positions for part in parts]),
        numpy.concatenate([part.steps for part in parts]),
        numpy.concatenate([part.timestamps for part in parts]),
        [text for texts in values for text in texts] if isinstance(values[0], list) else numpy.concatenate(values),
        numpy.concatenate([part.apis for part in parts]),
    )


def decode_column(chunk: Chunk, name: str) -> Array:
    """Return one column of a chunk of numbers. `name` is a field of `Columns`."""
    import numpy

    type, decode = DECODERS[name]
    column = numpy.empty(chunk.facts.points, dtype=type)
    decode(chunk, column)
    return column


def decode_columns(sealed: Sequence[Chunk], name: str, others: Array) -> Array:
    """Return one column of several chunks of a series, with more points of the series after it.

    Do not change the positions and the APIs: many series may share their memory.
    """
    import numpy

    type, decode = DECODERS[name]
    points = sum(chunk.facts.points for chunk in sealed) + len(others)
    if name == "apis" and (api := _only_api(sealed, others)) is not None:
        return numpy.broadcast_to(numpy.uint8(api), points)
    if name == "positions" and _are_all_positions(sealed, others):
        return _ramp(points)
    column = numpy.empty(points, dtype=type)
    at = 0
    for chunk in sealed:
        decode(chunk, column[at : at + chunk.facts.points])
        at += chunk.facts.points
    column[at:] = others
    return column


def _only_api(sealed: Sequence[Chunk], others: Array) -> int | None:
    """Return the API that logged all points, or None if it is not known to be only one."""
    api = sealed[0].facts.api
    is_only = all(chunk.facts.api == api for chunk in sealed) and bool((others == api).all())
    return api if is_only else None


def _are_all_positions(sealed: Sequence[Chunk], others: Array) -> bool:
    """Return whether the points have the positions from 0 on, without a gap."""
    last, points = sealed[-1].facts.last_position, sum(chunk.facts.points for chunk in sealed)
    # Positions increase, so there is no gap if there are as many points as positions.
    return last + 1 == points and (not len(others) or int(others[-1]) + 1 == points + len(others))


def are_increasing(sealed: Sequence[Chunk]) -> bool:
    """Return whether each point of chunks has a greater (timestamp, step) than the point before it."""
    facts = [chunk.facts for chunk in sealed]
    return all(one.is_increasing for one in facts) and all(
        (before.last_timestamp, before.last_step) < (after.first_timestamp, after.first_step)
        for before, after in zip(facts, facts[1:], strict=False)
    )


DECODERS: dict[str, tuple[str, Callable[[Chunk, Array], None]]] = {
    "positions": ("<i8", decode_positions),
    "steps": ("<i8", decode_steps),
    "timestamps": ("<i8", decode_timestamps),
    "values": ("<f8", decode_numbers),
    "apis": ("u1", decode_apis),
}
"""The numpy type of each column of a chunk of numbers, and the function that decompresses it."""


def facts_of(columns: Columns) -> ChunkFacts:
    """Return the facts about points."""
    positions, steps, timestamps, apis = columns.positions, columns.steps, columns.timestamps, columns.apis
    first, last, minimum, maximum, total, nans, infinities = _facts_of_values(columns.values)
    return ChunkFacts(
        points=len(positions),
        first_position=int(positions[0]),
        last_position=int(positions[-1]),
        first_step=int(steps[0]),
        last_step=int(steps[-1]),
        least_step=int(steps.min()),
        greatest_step=int(steps.max()),
        first_timestamp=int(timestamps[0]),
        last_timestamp=int(timestamps[-1]),
        least_timestamp=int(timestamps.min()),
        greatest_timestamp=int(timestamps.max()),
        first_value=first,
        last_value=last,
        minimum=minimum,
        maximum=maximum,
        total=total,
        nans=nans,
        infinities=infinities,
        api=int(apis[0]) if (apis == apis[0]).all() else None,
        is_increasing=int(_increases(timestamps, steps)),
        is_by_step=int(_increases(steps, timestamps)),
    )


def _facts_of_values(values: Array | list[str | bool | None]) -> tuple[Any, ...]:
    """Return the facts about values: first, last, minimum, maximum, total, and the numbers of NaN and of ±inf."""
    import numpy

    if isinstance(values, list):
        return None, None, None, None, None, 0, 0
    numbers = values[~numpy.isnan(values)]
    finite = numbers[numpy.isfinite(numbers)]
    with numpy.errstate(all="ignore"):
        total = float(finite.sum()) if len(finite) else None
    least, greatest = (float(numbers.min()), float(numbers.max())) if len(numbers) else (None, None)
    first, last = (None if math.isnan(value) else value for value in (float(values[0]), float(values[-1])))
    return first, last, least, greatest, total, len(values) - len(numbers), len(numbers) - len(finite)


def _increases(major: Array, minor: Array) -> bool:
    """Return whether each point has a greater (major, minor) than the point before it."""
    rises = major[1:] > major[:-1]
    if not rises.all():
        rises |= (major[1:] == major[:-1]) & (minor[1:] > minor[:-1])
    return bool(rises.all())


def _compressed_integers(column: Array) -> bytes | None:
    """Compress int64 numbers. Return None if they rise or fall in equal steps from the first to the last number."""
    first, last = int(column[0]), int(column[-1])
    if len(column) == 1:
        return None
    differences = column[1:] - column[:-1]  # these wrap around, so the last number is computed with Python's integers
    if (differences == differences[0]).all() and first + int(differences[0]) * len(differences) == last:
        return None
    return _compressed(column, "<i8")


def _compressed(column: Array, type: str) -> bytes:
    import numpy
    from pcodec import ChunkConfig, standalone

    contiguous = numpy.ascontiguousarray(column, dtype=type)
    compressed: bytes = standalone.simple_compress(contiguous, ChunkConfig(compression_level=LEVEL))
    return compressed


def _decompress_integers(chunk: Chunk, column: bytes | None, first: int, last: int, out: Array) -> None:
    import numpy

    if column is not None:
        _decompress(chunk, column, out)
        return
    _check_codec(chunk)
    points = chunk.facts.points
    difference = (last - first) // max(points - 1, 1)
    if difference == 1:  # the usual case
        numpy.add(_ramp(points), first, out=out)
    else:
        numpy.multiply(_ramp(points), difference, out=out)
        out += first


def _ramp(points: int) -> Array:
    """Return the numbers from 0 to before `points`. They may not be changed, because the largest array is kept."""
    import numpy

    global _kept_ramp
    kept = _kept_ramp
    if kept is None or len(kept) < points:
        kept = numpy.arange(max(points, MOST_POINTS))
        kept.setflags(write=False)
        if points <= MOST_KEPT:
            _kept_ramp = kept
    return kept[:points]


def _decompress(chunk: Chunk, column: bytes, out: Array) -> None:
    from pcodec import standalone

    _check_codec(chunk)
    try:
        standalone.simple_decompress_into(column, out)
    except RuntimeError as error:
        reason = f"{chunk.library} has compressed them, and this interpreter has pcodec {_version()}: {error}"
        raise StoreUnavailable("the points of a series", reason) from error


def _version() -> str:
    import pcodec

    return str(pcodec.__version__)


def _check_codec(chunk: Chunk) -> None:
    if chunk.codec > CODEC:
        raise SchemaMismatch("a chunk of points", chunk.codec, CODEC)
