"""Points with any bits, steps, times, texts and keys are folded, sealed, indexed and read like plain lists."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from longer import SCALE

from bridge.records.run import RunChanges, RunRecord
from bridge.records.search import Comparison, Ordering, RunQuery
from bridge.records.series import MLFLOW, NATIVE, Point, SeriesRecord, Value
from bridge.records.views import Column, Numbers
from bridge.store.journaled import JournaledStore
from bridge.store.one_run import create_run, get_series
from bridge.store.record_views.views import RecordViews
from bridge.store.sql import seal
from bridge.store.sql.sqlite import open_sqlite
from bridge.testing.columns import column_points
from bridge.testing.model import ModelRun, compare_latest, compare_series
from bridge.testing.naive import by_column, history_of, is_number, log_naively, same_bits, scalars
from bridge.testing.oracle.search import select_runs
from bridge.testing.strategies import FLOATS, INTS, STEPS, TEXTS, TIMESTAMPS, flat, float_of, kept_files, row, scalar

RUNS = ("r1", "r2")
FRACTIONS = 2**52

fractions = st.sampled_from((1, FRACTIONS >> 1, FRACTIONS - 1)) | st.integers(1, FRACTIONS - 1)
signs = st.sampled_from((0, 1 << 63))
nans = st.builds(lambda sign, fraction: float_of(sign | 0x7FF << 52 | fraction), signs, fractions)
subnormals = st.builds(lambda sign, fraction: float_of(sign | fraction), signs, fractions)
floats = st.one_of(
    st.sampled_from(FLOATS),
    nans,
    subnormals,
    st.integers(0, 2**64 - 1).map(float_of),
    st.floats(),
    st.integers().map(float),
)
int64s = st.integers(-(2**63), 2**63 - 1)
ints = st.one_of(st.sampled_from(INTS), int64s, st.integers(-(2**1023), 2**1023), st.integers(2**53 - 3, 2**53 + 3))
letters = st.characters(exclude_categories=["Cs"])
texts = st.one_of(
    st.sampled_from((*TEXTS, "\0", "a\0b", "null", '"', "\U0010ffff" * 64, "a" * 63 + "\0", "b" * 65, "c" * 65_535)),
    st.text(letters, max_size=70),
)
keys = st.one_of(
    st.sampled_from(("loss", "t", "t.x", "t.x.y", "'", '"', "%", "Größe 🎈", "🎈" * 255, " ", ".", "..", "a.")),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8),
)
steps = st.one_of(st.sampled_from(STEPS), int64s, st.integers(-3, 3))
timestamps = st.one_of(st.sampled_from((*TIMESTAMPS, -1, -(2**63))), int64s, st.integers(0, 3))
numbers = floats | floats | ints
values: st.SearchStrategy[Value] = st.one_of(floats, floats, ints, texts)


class Logged(NamedTuple):
    """Points that one call logs."""

    run_id: str
    points: list[Point]
    api: int
    way: str


class Work(NamedTuple):
    """Work on the database between calls."""

    name: str
    seed: int


@st.composite
def calls(draw: st.DrawFn, own: Sequence[str]) -> Logged:
    """Draw a call that logs points under some keys."""
    api, run_id = draw(st.sampled_from((NATIVE, MLFLOW))), draw(st.sampled_from(RUNS))
    way = draw(st.sampled_from(("points", "points", "columns", "columns", "one")))
    key = st.sampled_from(own)
    if way == "columns":
        stepped = draw(st.booleans())
        of = st.builds(
            scalar, key, numbers, timestamps, steps.filter(lambda step: step is not None) if stepped else st.none()
        )
        return Logged(run_id, draw(st.lists(of, min_size=1, max_size=12)), api, way)
    single = st.builds(scalar, key, values, timestamps, steps)
    if way == "one":
        return Logged(run_id, [draw(single)], api, way)
    rows = st.builds(row, key, st.dictionaries(key, values, min_size=1, max_size=3), timestamps, steps)
    return Logged(run_id, flat(draw(st.lists(single | rows | kept_files(key), max_size=8))), api, way)


works = st.builds(
    Work, st.sampled_from(("fold", "seal", "end", "tidy", "uncount", "index", "reopen")), st.integers(0, 2**16)
)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[str], list[Logged | Work], Random]:
    """Draw the keys, the calls and the work between them, and the source of further random choices."""
    own = draw(st.lists(keys, min_size=1, max_size=3, unique=True))
    made = draw(st.lists(calls(own) | calls(own) | works, min_size=1, max_size=8))
    return own, made, Random(draw(st.integers(0, 2**16)))


class Place:
    """A journaled store of SQLite, and the runs as plain lists.

    Args:
        folder: an empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.open()
        self.runs = {}
        for number, run_id in enumerate(RUNS):
            create_run(self.store, RunRecord(run_id, "0", start_time=(-3, None)[number]))
            self.runs[run_id] = ModelRun("0", number + 1, (-3, None)[number])

    def open(self) -> None:
        self.inner = open_sqlite(self.folder / "workspace.db")
        self.store = JournaledStore(self.inner, self.folder / "journal")

    def log(self, logged: Logged) -> None:
        run_id, points, api, way = logged
        if way == "one":
            key, value, timestamp, step, *_ = points[0]
            self.store.log(run_id, key, value, timestamp, step, api)
        else:
            self.store.log_points(run_id, column_points(points) if way == "columns" else points, api)
        log_naively(self.runs[run_id].points, points, api)

    def work(self, work: Work) -> None:
        random = Random(work.seed)
        if work.name == "reopen":
            self.store.close()
            self.open()
        elif work.name == "end":
            run_id = random.choice(RUNS)
            self.store.update_runs((run_id,), RunChanges(status="Completed"))
            self.runs[run_id].status = "Completed"
        elif work.name == "tidy":
            while self.inner.tidy():
                pass
        else:
            self.store.get_runs(RUNS)
            {"fold": lambda _: None, "seal": self._seal, "uncount": self._uncount, "index": self._index}[work.name](
                random
            )

    def _seal(self, random: Random) -> None:
        with self.inner.database.read() as c:
            ids = [id for (id,) in c.execute("SELECT id FROM series ORDER BY id").fetchall() if random.random() < 0.7]
        while ids:
            ids = seal.seal(self.inner.database, ids)

    def _uncount(self, random: Random) -> None:
        """Remove the facts of series, as if an earlier version had stored them. It did not compress points."""
        facts = (
            "first_step",
            "first_timestamp",
            "first_value",
            "minimum_step",
            "minimum_value",
            "maximum_step",
            "maximum_value",
        )
        with self.inner.database.write() as c:
            c.execute(
                f"UPDATE series SET points = NULL, hot = 0, {', '.join(f'{name} = NULL' for name in facts)}"
                " WHERE id NOT IN (SELECT series FROM chunk)"
            )

    def _index(self, random: Random) -> None:
        with self.inner.database.write() as c:
            c.execute("UPDATE waiting SET since = 0 WHERE run % 2 = ?", (random.randint(0, 1),))
        while self.inner.tidy():
            pass


@contextmanager
def new_place() -> Iterator[Place]:
    with TemporaryDirectory() as folder:
        place = Place(Path(folder))
        yield place
        place.store.close()


def check_records(place: Place) -> None:
    """Compare the records of runs and series with the plain lists."""
    for run_id, record in place.store.get_runs(RUNS).items():
        run = place.runs[run_id]
        compare_latest(record, run)
        assert {one.key for one in get_series(place.store, run_id)} == set(run.points)
        for key, logged in run.points.items():
            compare_series(get_series(place.store, run_id, [key]), logged)


def check_histories(place: Place, random: Random) -> None:
    """Compare the parts of histories with the plain lists."""
    for run_id, run in place.runs.items():
        named: dict[str, list[Any]] = {}
        for key, logged in run.points.items():
            named.setdefault(key, []).extend(scalars(logged))
            for column, cells in by_column(logged).items():
                named.setdefault(f"{key}.{column}", []).extend(cells)
        for name, logged in named.items():
            rows = history_of(logged)
            begin = random.randint(0, len(rows))
            end = random.choice((None, begin + 2))
            found = place.store.views.get_history(run_id, name, begin, None if end is None else end - begin)
            expected = rows[begin:end]
            assert list(zip(found.timestamps.tolist(), found.steps.tolist(), strict=True)) == [
                one[:2] for one in expected
            ]
            assert same_bits(found.values.tolist(), [one[2] for one in expected])


def check_views(place: Place, own: Sequence[str], random: Random) -> None:
    """Compare the views with those that are computed from records."""
    fast, slow = place.store.views, RecordViews(place.store)
    shown = [Column("metric", key, name) for key in own for name in ("last", "step", "first", "min", "max", "count")]
    shown += [Column("tag", key) for key in own]
    shown += [Column("metric", random.choice(own), "min", random.choice(own))]
    for query in queries(place, own, random):
        assert plain_table(fast.get_columns(query, shown)) == plain_table(slow.get_columns(query, shown))
        by = random.choice(shown)
        assert plain(fast.count_runs(query, by)) == plain(slow.count_runs(query, by))
        of = [Column("metric", own[0])]
        groups, expected = fast.group_runs(query, [by], of), slow.group_runs(query, [by], of)
        assert [plain_group(one) for one in groups] == [plain_group(one) for one in expected]
    assert fast.list_keys(["0"]) == slow.list_keys(["0"])
    positions = {(run_id, key): random.choice((-1, 0, 3)) for run_id in RUNS for key in own}
    assert plain_tails(fast.get_tail(positions)) == plain_tails(slow.get_tail(positions))
    axes = ("step", "time", "relative", f"metric:{random.choice(own)}")
    for axis in axes:
        low, high = random.choice(((None, None), (None, None), (0, 3), (-1e308, 1e308), (5e-324, None)))
        groups_of = random.choice((None, None, {"r1": "g", "r2": "g"}))
        for buckets in 1, 3:
            arguments: Any = (RUNS, list(own), buckets, axis, low, high, groups_of)
            found, wanted = fast.sample_series(*arguments), slow.sample_series(*arguments)
            assert [plain_series(one) for one in found] == [plain_series(one) for one in wanted]


def queries(place: Place, own: Sequence[str], random: Random) -> list[RunQuery]:
    logged = [point.value for run in place.runs.values() for points in run.points.values() for point in points]
    operands = [float(value) for value in logged if is_number(value)] or [0.0]  # type: ignore[arg-type]
    words = [value for value in logged if isinstance(value, str) and len(value) < 1_000] or [""]
    comparator: Any = random.choice(("<", "<=", ">", ">=", "=", "!="))
    text: Any = random.choice(("=", "!=", "LIKE", "ILIKE"))
    if any("\0" in word for word in words):
        text = random.choice(("=", "!="))  # SQLite's GLOB ends at a NUL
    clauses = (
        Comparison("metric", random.choice(own), comparator, random.choice(operands)),
        Comparison("tag", random.choice(own), text, random.choice(words)),
    )
    orders = tuple(
        Ordering(random.choice(("metric", "tag")), random.choice(own), random.random() < 0.5) for _ in range(2)
    )
    return [RunQuery(("0",)), *(RunQuery(("0",), (clause,), orders) for clause in clauses)]


def check_searches(place: Place, own: Sequence[str], random: Random) -> None:
    """Compare searches with an evaluation of the records."""
    records = list(place.store.get_runs(RUNS).values())
    for query in queries(place, own, random):
        found = place.store.search_runs(query).items
        assert [record.id for record in found] == [record.id for record in select_runs(query, records).items]


def plain(value: Any) -> Any:
    """Return a value in which NaN is a text, so that it equals itself."""
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else value + 0.0
    return value


def plain_table(found: Any) -> list[Any]:
    columns = []
    for column in found.columns:
        if isinstance(column, Numbers):
            listed = column.values.tolist()
        else:
            listed = [column.words[code] if column.words else "" for code in column.codes.tolist()]
        columns.append([v if is_there else ... for v, is_there in zip(listed, column.present.tolist(), strict=True)])
    return [found.ids, found.total, plain(columns)]


def plain_group(group: Any) -> list[Any]:
    """Return a group without means, whose last digits depend on the order of the sum."""
    spreads = [[spread.count, plain(spread.minimum), plain(spread.maximum)] for spread in group.spreads]
    return [plain(group.values), group.runs, group.ids, spreads]


def plain_tails(found: dict[tuple[str, str], list[SeriesRecord]]) -> str:
    """Return tails without what the store happens to know about their order, which must be true."""
    for records in found.values():
        for record in records:
            order = list(zip(record.timestamps.tolist(), record.steps.tolist(), strict=True))
            assert not record.is_increasing or order == sorted(set(order))
    return repr({name: [replace(record, is_increasing=False) for record in records] for name, records in found.items()})


def plain_series(found: Any) -> list[Any]:
    """Return a series without means, and without the minima of means."""
    points = None if found.x is None else [found.x.tolist(), found.values.tolist()]
    buckets = found.buckets
    shown = None if buckets is None else [buckets.count.tolist()]
    if buckets is not None and buckets.last is not None:
        shown += [one.tolist() for one in (buckets.minimum, buckets.maximum, buckets.last)]  # type: ignore[operator]
    return plain([found.name, found.key, found.edges.tolist(), tuple(found.facts), points, shown])


def check_all(place: Place, own: Sequence[str], random: Random) -> None:
    check_records(place)
    check_histories(place, random)
    check_searches(place, own, random)
    check_views(place, own, random)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let chunks and steps be small, so that few points need several of them."""
    for name, value in {"MOST_POINTS": 4, "POINTS_AT_ONCE": 5, "BLOCKS_AT_ONCE": 3, "FEW_BLOCKS": 0}.items():
        monkeypatch.setattr(seal, name, value)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.usefixtures("small", "untended")
@settings(max_examples=25 * SCALE)
@given(histories())
def test_odd_points_are_stored_and_read_like_plain_lists(drawn: tuple[list[str], list[Logged | Work], Random]) -> None:
    own, made, random = drawn
    with new_place() as place, numpy.errstate(all="raise"):  # as a script may have set it
        for one in made:
            if isinstance(one, Logged):
                place.log(one)
            else:
                place.work(one)
        check_all(place, own, random)
        place.work(Work("seal", 0))
        check_all(place, own, random)
