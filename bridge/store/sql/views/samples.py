"""Series in a form for charts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy

from bridge.records.series import SeriesRecord
from bridge.records.times import stored_time
from bridge.records.views import METRIC_AXIS, Buckets, SampledSeries, SeriesFacts
from bridge.store.envelope import Envelope, edges_of
from bridge.store.pieces import Piece
from bridge.store.record_views.series import find_series, has_name, keys_of_name
from bridge.store.sql import series
from bridge.store.sql.pieces import read_pieces
from bridge.store.sql.statements import chunks, in_chunks
from bridge.store.sql.time_limit import check_time, count_bytes, not_kept
from bridge.store.sql.views.points import Pieces, Points, Run, points_of, since

if TYPE_CHECKING:
    from bridge.store.sql.connection import Connection

    Array = numpy.ndarray[Any, Any]

SEALED = "SELECT series, max(last_position) FROM chunk WHERE series IN ({}) GROUP BY series"

BUCKET_BYTES, POINT_BYTES, SERIES_BYTES = 40, 16, 300
"""The memory of a bucket, of a point that is in no bucket, and of a sampled series without them."""

ENVELOPE_BYTES = 80
"""The memory of a bucket while a series is sampled."""

Part: TypeAlias = "Points | Pieces"
"""The points of one run."""


def sample(
    c: Connection,
    run_ids: Sequence[str],
    keys: Sequence[str],
    buckets: int,
    x: str,
    low: float | None,
    high: float | None,
    groups: Mapping[str, str] | None,
) -> list[SampledSeries]:
    """Return metrics of runs. See `RunViews.sample_series`."""
    runs = [run for run in _runs(c, run_ids) if groups is None or run.id in groups]
    found: list[SampledSeries] = []
    for key in keys:
        check_time()
        with not_kept():
            parts, positions = _read(c, runs, key, x, low, high)
            kept = _kept_bytes(parts, buckets, groups is not None)
            at_once = 1 if groups is None else len(parts)
            count_bytes(kept + ENVELOPE_BYTES * buckets * at_once)
            bounds = _bounds(parts, low, high)
            if bounds is not None:
                edges = edges_of(*bounds, buckets)
                own = _sampled(key, parts, edges, positions) if groups is None else _merged(key, parts, edges, groups)
                found += own
        count_bytes(kept)
    return found


def _kept_bytes(parts: Mapping[str, Part], buckets: int, is_merged: bool) -> int:
    """Return about how many bytes the sampled series of a key take, at most."""
    in_buckets = BUCKET_BYTES * buckets
    of_runs = (in_buckets if is_merged else min(in_buckets, POINT_BYTES * part.most) for part in parts.values())
    return SERIES_BYTES * len(parts) + sum(of_runs)


def _runs(c: Connection, run_ids: Sequence[str]) -> list[Run]:
    found = {
        id: Run(key, id, stored_time(start))
        for key, id, start in in_chunks(c, "SELECT key, id, start_time FROM run WHERE id IN ({})", run_ids)
    }
    return [found[run_id] for run_id in dict.fromkeys(run_ids) if run_id in found]


def _read(
    c: Connection, runs: Sequence[Run], key: str, x: str, low: float | None, high: float | None
) -> tuple[dict[str, Part], dict[str, int]]:
    """Return the points of a metric and its last position, by run id. A run without the metric is absent."""
    found: dict[str, Part] = {}
    positions: dict[str, int] = {}
    if x.startswith(METRIC_AXIS):
        axis = x.removeprefix(METRIC_AXIS)
        for some in chunks(runs):
            records = series.read(c, [run.key for run in some], keys_of_name(key) + keys_of_name(axis))
            for run in some:
                own = find_series(records[run.key], key)
                if own is not None:
                    over = find_series(records[run.key], axis)
                    found[run.id] = points_of(own, run, x, over).within(low, high)
                    positions[run.id] = int(own.positions[-1])
        return found, positions
    for some in chunks(runs):
        for run, part, position in _parts(c, some, key, x):
            found[run.id] = part.within(low, high) if isinstance(part, Points) else part
            positions[run.id] = position
    return found, positions


def _parts(c: Connection, runs: Sequence[Run], key: str, x: str) -> Iterator[tuple[Run, Part, int]]:
    """Yield the points of a metric of at most `AT_ONCE` runs, and their last positions."""
    own: dict[int, list[tuple[int, SeriesRecord]]] = {run.key: [] for run in runs}
    for id, run_key, record in series.read_blocks(c, [run.key for run in runs], keys_of_name(key)):
        if has_name(record, key):
            own[run_key].append((id, record))
    ids = [found[0][0] for found in own.values() if len(found) == 1]
    ends = dict(in_chunks(c, SEALED, ids))
    sealed = read_pieces(c, list(ends))
    for run in runs:
        pieces: list[Piece] | None = None
        if len(own[run.key]) == 1:
            ((id, record),) = own[run.key]
            if id not in sealed:
                yield run, points_of(record, run, x, None), int(record.positions[-1])
                continue
            pieces = since(sealed[id], run.start) if x == "relative" else sealed[id]
        if pieces is not None:
            last = int(record.positions[-1]) if len(record.positions) else ends[id]
            yield run, Pieces(pieces, "step" if x == "step" else "time"), last
        elif own[run.key]:
            whole = find_series(series.read(c, [run.key], keys_of_name(key))[run.key], key)
            if whole is not None:
                yield run, points_of(whole, run, x, None), int(whole.positions[-1])


def _bounds(parts: Mapping[str, Part], low: float | None, high: float | None) -> tuple[float, float] | None:
    """Return the bounds of the buckets: the given ones, or the least and the greatest x of all runs.

    The result is None if no point can be between these bounds.
    """
    ranges = [own for part in parts.values() if (own := part.range) is not None]
    if not ranges:
        return None
    least = min(own[0] for own in ranges) if low is None else low
    greatest = max(own[1] for own in ranges) if high is None else high
    return (float(least), float(greatest)) if least <= greatest else None


def _sampled(key: str, parts: Mapping[str, Part], edges: Array, positions: Mapping[str, int]) -> list[SampledSeries]:
    found = []
    for run_id, part in parts.items():
        last = positions[run_id]
        if part.most < len(edges):
            part = part.within(float(edges[0]), float(edges[-1]))
        envelope = part.envelope(edges)
        count = int(envelope.count.sum())
        if 0 < count < len(edges):
            x, values = part.within(float(edges[0]), float(edges[-1]))
            found.append(SampledSeries(run_id, key, edges, _facts([envelope]), None, x, values, last))
        elif count:
            facts, own = _facts([envelope]), _buckets(envelope)
            found.append(SampledSeries(run_id, key, edges, facts, own, position=last))
    return found


def _buckets(envelope: Envelope) -> Buckets:
    return Buckets(envelope.count, envelope.minimum, envelope.maximum, envelope.mean, envelope.last)


def _facts(envelopes: Sequence[Envelope]) -> SeriesFacts:
    """Return the facts of one run, or of several runs together."""
    one = envelopes[0]
    return SeriesFacts(
        points=sum(int(envelope.count.sum()) for envelope in envelopes),
        nans=sum(int(envelope.nans.sum()) for envelope in envelopes),
        infinities=sum(int(envelope.infinities.sum()) for envelope in envelopes),
        first=one.first,
        last=float(one.last[numpy.flatnonzero(one.count)[-1]]),
        minimum=float(numpy.fmin.reduce([numpy.fmin.reduce(envelope.minimum) for envelope in envelopes])),
        maximum=float(numpy.fmax.reduce([numpy.fmax.reduce(envelope.maximum) for envelope in envelopes])),
    )


def _merged(key: str, parts: Mapping[str, Part], edges: Array, groups: Mapping[str, str]) -> list[SampledSeries]:
    members: dict[str, list[Envelope]] = {}
    for run_id, part in parts.items():
        envelope = part.envelope(edges)
        if envelope.count.any():
            members.setdefault(groups[run_id], []).append(envelope)
    return [
        SampledSeries(
            name,
            key,
            edges,
            _facts(envelopes)._replace(first=math.nan, last=math.nan),
            _spread(numpy.stack([envelope.mean for envelope in envelopes])),
        )
        for name, envelopes in members.items()
    ]


def _spread(means: Array) -> Buckets:
    """Return the spread of the means of runs. `means` has one row for each run, and one column for each bucket."""
    is_known = ~numpy.isnan(means)
    count = is_known.sum(axis=0)
    with numpy.errstate(all="ignore"):
        mean = numpy.where(is_known, means, 0.0).sum(axis=0) / count
        squares = numpy.where(is_known, (means - mean) ** 2, 0.0).sum(axis=0)
        deviation = numpy.sqrt(squares / (count - 1))
    deviation[count < 2] = numpy.nan
    return Buckets(
        count.astype(numpy.int64),
        numpy.fmin.reduce(means, axis=0),
        numpy.fmax.reduce(means, axis=0),
        mean,
        deviation=deviation,
    )
