"""Points of series: envelopes as wide as a chart, and the points that are new since a position."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy
from starlette.responses import Response

from bridge.errors import InvalidValue
from bridge.server.portal.answers import frame_answer
from bridge.server.portal.ask import Ask
from bridge.store.frames import Frame
from bridge.store.record_views.series import after, has_name, keys_of_name

if TYPE_CHECKING:
    from bridge.records.series import SeriesRecord
    from bridge.records.views import Array, SampledSeries

MOST_RUNS, MOST_KEYS, MOST_BUCKETS, MOST_SERIES = 1_000, 500, 5_000, 20_000
FACTS = ("points", "nans", "infinities", "first", "last", "minimum", "maximum")
BUCKETS = ("minimum", "maximum", "mean", "deviation")


def post_series(ask: Ask) -> Response:
    """Answer with series of runs for charts as a frame.

    `runs` (or `groups`) and `keys` are lists in the head. The columns `run` and `key` have an index in them for each
    series, and `#points`, `#nans`, `#infinities`, `#first`, `#last`, `#minimum` and `#maximum` its exact facts.
    `#position` is that of its last stored point, for `/tail`, and -1 for a group.
    `at` and `n` are the offset and the number of its values. If `exact` is 1, they are in the columns `x` and `values`,
    otherwise in `count`, `minimum`, `maximum` and `mean` (in groups also `deviation`). `edges` has the bounds of the
    buckets of all keys; `edges` in the head is a pair (at, n) for each key, or null for a key without points.
    """
    asked = ask.json()
    runs, keys = texts(asked, "runs", MOST_RUNS), texts(asked, "keys", MOST_KEYS)
    if len(runs) * len(keys) > MOST_SERIES:
        raise InvalidValue("runs", len(runs) * len(keys), f"must have at most {MOST_SERIES} series with `keys`")
    groups = asked.get("groups")
    if groups is not None and not _is_text_map(groups):
        raise InvalidValue("groups", groups, "must be an object with the name of a group for each run")
    cursor = ask.served.cursor()
    wanted = _buckets(asked), str(asked.get("x") or "step"), _bound(asked, "low"), _bound(asked, "high"), groups
    # No variable has the series, so that their memory can be returned when the frame is written.
    return frame_answer(series_frame(ask.views.sample_series(runs, keys, *wanted), keys, cursor))


def series_frame(found: Sequence[SampledSeries], keys: Sequence[str], cursor: str) -> Frame:
    """Return sampled series as a frame; see `post_series`."""
    names = list(dict.fromkeys(one.name for one in found))
    name_codes = {name: code for code, name in enumerate(names)}
    key_codes = {key: code for code, key in reversed(list(enumerate(keys)))}
    edges = {one.key: one.edges for one in found}
    starts = numpy.cumsum([0, *(len(edges[key]) if key in edges else 0 for key in keys)])
    places = [[int(at), len(edges[key])] if key in edges else None for at, key in zip(starts, keys, strict=False)]
    frame = Frame(runs=names, keys=list(keys), edges=places, cursor=cursor)
    frame.add_joined("edges", "f8", [edges[key] for key in keys if key in edges])
    frame.add("run", "u4", [name_codes[one.name] for one in found])
    frame.add("key", "u4", [key_codes[one.key] for one in found])
    frame.add("exact", "u1", [one.buckets is None for one in found])
    sizes = numpy.array([len(one.edges) - 1 if one.x is None else len(one.x) for one in found], numpy.int64)
    exact = numpy.array([one.buckets is None for one in found], bool)
    frame.add("at", "u4", _starts(sizes, exact))
    frame.add("n", "u4", sizes)
    frame.add("#position", "f8", [one.position for one in found])
    for fact in FACTS:
        frame.add(f"#{fact}", "f8", [getattr(one.facts, fact) for one in found])
    _add_points(frame, found)
    return frame


def post_tail(ask: Ask) -> Response:
    """Answer with the numbers that were logged after a position, as a frame.

    `series` of the body is a list of [run id, key, position], with a key as in `/series`. `series` in the head has an
    entry [run id, key, position] for each series with new numbers; its position is that of its last point. The columns
    `at` and `n` are the offset and number of its points in `position`, `step`, `timestamp` and `values`.
    """
    asked = ask.json().get("series")
    if not isinstance(asked, list) or len(asked) > MOST_SERIES:
        raise InvalidValue("series", type(asked).__name__, f"must be a list of at most {MOST_SERIES} series")
    wanted: dict[tuple[str, str], int] = {}
    for one in asked:
        if not (isinstance(one, list) and [type(part) for part in one] == [str, str, int] and abs(one[2]) < 2**53):
            raise InvalidValue("series", one, "must be a list of a run id, a key and a position")
        wanted[one[0], one[1]] = one[2]
    found = _tails(ask, wanted)
    return frame_answer(_tail_frame(found, ask.served.cursor()))


def _tails(ask: Ask, wanted: Mapping[tuple[str, str], int]) -> list[tuple[str, str, SeriesRecord]]:
    """Return the new points of series by the names that metrics have: `a.b` is a key, or the column `b` of a table."""
    asked: dict[tuple[str, str], int] = {}
    for (run, name), position in wanted.items():
        for key in keys_of_name(name):
            asked[run, key] = min(position, asked.get((run, key), position))
    tails = ask.views.get_tail(asked)
    found = []
    for (run, name), position in wanted.items():
        for key in keys_of_name(name):
            for record in tails.get((run, key), ()):
                own = after(record, position) if has_name(record, name) else None
                if own is not None:
                    found.append((run, name, own))
    return found


def _tail_frame(found: Sequence[tuple[str, str, SeriesRecord]], cursor: str) -> Frame:
    records = [record for _, _, record in found]
    sizes = numpy.array([len(record.positions) for record in records], numpy.int64)
    frame = Frame(
        series=[[run, key, int(one.positions[-1])] for run, key, one in found],
        cursor=cursor,
    )
    frame.add("at", "u4", numpy.cumsum(sizes) - sizes)
    frame.add("n", "u4", sizes)
    frame.add_joined("position", "f8", [record.positions for record in records])
    frame.add_joined("step", "f8", [record.steps for record in records])
    frame.add_joined("timestamp", "f8", [record.timestamps for record in records])
    frame.add_joined("values", "f8", [record.numbers for record in records if record.numbers is not None])
    return frame


def _add_points(frame: Frame, found: Sequence[SampledSeries]) -> None:
    exact = [one for one in found if one.buckets is None]
    frame.add_joined("x", "f8", [one.x for one in exact if one.x is not None])
    frame.add_joined("values", "f8", [one.values for one in exact if one.values is not None])
    buckets = [one.buckets for one in found if one.buckets is not None]
    frame.add_joined("count", "u4", [one.count for one in buckets])
    for name in BUCKETS:
        columns = [column for one in buckets if (column := getattr(one, name)) is not None]
        if columns:
            frame.add_joined(name, "f8", columns)


def _starts(sizes: Array, exact: Array) -> Array:
    """Return the position of the values of each series among those of its form."""
    starts = numpy.zeros(len(sizes), numpy.int64)
    for form in (exact, ~exact):
        starts[form] = numpy.cumsum(sizes[form]) - sizes[form]
    return starts


def texts(asked: Mapping[str, Any], name: str, most: int) -> list[str]:
    """Return a list of distinct texts in a JSON object.

    Raises:
        InvalidValue: it is something else, or too long.
    """
    listed = asked.get(name, [])
    if not isinstance(listed, list) or len(listed) > most or not all(isinstance(one, str) for one in listed):
        raise InvalidValue(name, f"{type(listed).__name__}", f"must be a list of at most {most} texts")
    return list(dict.fromkeys(listed))


def _buckets(asked: Mapping[str, Any]) -> int:
    buckets = asked.get("buckets", 500)
    if type(buckets) is not int or not 1 <= buckets <= MOST_BUCKETS:
        raise InvalidValue("buckets", buckets, f"must be a whole number from 1 to {MOST_BUCKETS}")
    return buckets


def _bound(asked: Mapping[str, Any], name: str) -> float | None:
    bound = asked.get(name)
    if bound is None:
        return None
    if isinstance(bound, bool) or not isinstance(bound, (int, float)) or not math.isfinite(bound):
        raise InvalidValue(name, bound, "must be a finite number")
    return float(bound)


def _is_text_map(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(name, str) for name in value.values())
