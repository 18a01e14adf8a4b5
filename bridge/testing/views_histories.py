"""Random histories of a store. After each of them, its views must agree with those that are computed from records."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import astuple
from random import Random
from typing import Any

from bridge.errors import BridgeError
from bridge.records.artifact import ArtifactRecord
from bridge.records.run import RunChanges, RunRecord
from bridge.records.search import Comparison, Entity, ExperimentQuery, Ordering, RunQuery
from bridge.records.series import BIG, IMAGE, MLFLOW, NATIVE, Point
from bridge.records.views import Buckets, Column, Numbers, RunColumns, RunGroup, SampledSeries, SeriesFacts
from bridge.store.backend import Backend
from bridge.store.one_run import create_run, get_run
from bridge.store.record_views.views import RecordViews
from bridge.store.views import RunViews
from bridge.testing.strategies import row

StoreFactory = Callable[[], AbstractContextManager[Backend]]
"""A function that returns a context manager. The context manager opens a new store, and closes it at the end."""

RUNS = ("r1", "r2", "r3", "r4")
EXPERIMENTS = ("0", "1")
KEYS = ("loss", "t.x", "t", "a.b.c")
COLUMNS = ("x", "y", "b.c")
ENTITIES: tuple[Entity, ...] = ("metric", "param", "tag", "property")
NUMBERS = (0.0, -0.0, 1.0, -1.0, 0.1, 5, math.nan, math.inf, -math.inf, BIG, -BIG, 1e300)
TEXTS = ("", "a", "é" * 63, "b" * 64, "c" * 65, "1.0")
STEPS = (None, 0, 1, 2, 7, -(2**63), 2**63 - 1)
TIMES = (0, 1, 2, 50, 2**63 - 1)
FILE = ArtifactRecord("a.bin", 1, "0" * 64, 1)

SHOWN = (
    *(
        Column("metric", key, statistic)
        for key in KEYS
        for statistic in ("last", "step", "first", "min", "max", "count")
    ),
    Column("metric", "t", "min", "x"),
    Column("metric", "t", column="y"),
    *(Column(entity, key) for entity in ("param", "tag", "property") for key in ("loss", "t", "p")),
    *(Column("attribute", key) for key in ("run_id", "status", "start_time", "duration", "lifecycle_stage", "number")),
)


class History:
    """Random calls of a store, and the comparison of its views.

    Args:
        store: the store.
        random: the source of the random choices.
    """

    def __init__(self, store: Backend, random: Random) -> None:
        self._store, self._random = store, random
        self._time = 10
        store.create_experiment("second", 1)
        often = (self._log, 6), (self._create, 4), (self._log_rows, 3), (self._update, 3), (self._restore, 2)
        self._calls: Sequence[Callable[[], object]] = (
            *(call for call, times in often for _ in range(times)),
            self._end, self._remove_tag, self._delete, self._purge, self._move_experiment, self._files,
        )  # fmt: skip
        self._cursor = store.views.get_changes().cursor
        self._known = self._state()

    def play(self, calls: int) -> None:
        """Make random calls. A call that the store refuses changes nothing."""
        for _ in range(calls):
            try:
                self._random.choice(self._calls)()
            except BridgeError:
                continue

    def compare(self) -> None:
        """Compare the views of the store with views that are computed from its records."""
        fast, slow = self._store.views, RecordViews(self._store)
        for query in self._queries():
            _compare_tables(fast, slow, query, self._random)
        for experiment_ids in (("0",), ("1", "0", "7")):
            assert fast.list_keys(experiment_ids) == slow.list_keys(experiment_ids)
        page = fast.list_keys(EXPERIMENTS, limit=3)
        assert page == slow.list_keys(EXPERIMENTS, limit=3)
        rest = fast.list_keys(EXPERIMENTS, page_token=page.next_token)
        assert rest == slow.list_keys(EXPERIMENTS, page_token=page.next_token)
        self._compare_series(fast, slow)
        self._compare_changes()

    # Calls

    def _run(self) -> str:
        return self._random.choice(RUNS)

    def _some_runs(self) -> list[str]:
        return self._random.sample(RUNS, self._random.randint(1, 2))

    def _now(self) -> int:
        self._time += 1
        return self._time

    def _texts(self, *more: str | None) -> dict[str, Any]:
        keys = self._random.sample(("loss", "t", "p"), self._random.randint(0, 2))
        return {key: self._random.choice((*TEXTS, *more)) for key in keys}

    def _create(self) -> None:
        start = self._random.choice((None, 5, self._now(), -3))
        experiment_id = self._random.choice(("0", "0", "1"))
        record = RunRecord(self._run(), experiment_id, start_time=start, params=self._texts(), tags=self._texts(None))
        create_run(self._store, record)

    def _point(self, value: Any, step: Any = ...) -> Point:
        random = self._random
        given = random.choice(STEPS) if step is ... else step
        return Point(random.choice(KEYS), value, random.choice(TIMES), given)

    def _log(self) -> None:
        random = self._random
        values = random.choices((*NUMBERS, *NUMBERS, "a", "b" * 64, True, None), k=random.randint(1, 12))
        points = [self._point(value) for value in values]
        if random.random() < 0.2:
            points.append(Point(random.choice(KEYS), "a.png", 1, kind=IMAGE))
        self._store.log_points(self._run(), points, random.choice((NATIVE, MLFLOW)))

    def _log_rows(self) -> None:
        random = self._random
        points: list[Point] = []
        for _ in range(random.randint(1, 3)):
            columns = random.sample(COLUMNS, random.randint(1, 3))
            cells = {column: random.choice((*NUMBERS, "a", None)) for column in columns}
            points += row(random.choice(("t", "a")), cells, random.choice(TIMES), random.choice(STEPS))
        self._store.log_points(self._run(), points)

    def _update(self) -> None:
        changes = RunChanges(
            status=self._random.choice((None, "Running")),
            tags=self._texts(None),
            params=self._texts() if self._random.random() < 0.3 else {},
            properties=self._texts() if self._random.random() < 0.3 else {},
        )
        self._store.update_runs(self._some_runs(), changes)

    def _end(self) -> None:
        self._store.update_runs((self._run(),), RunChanges(status="Completed", end_time=self._now()))

    def _remove_tag(self) -> None:
        self._store.update_runs((self._run(),), RunChanges(removed_tags=(self._random.choice(("loss", "t", "p")),)))

    def _delete(self) -> None:
        self._store.delete_runs(self._some_runs(), self._now())

    def _restore(self) -> None:
        self._store.restore_runs(self._some_runs())

    def _purge(self) -> None:
        self._store.purge_runs(self._some_runs())

    def _move_experiment(self) -> None:
        move = self._random.choice((self._store.delete_experiment, self._store.restore_experiment))
        move(self._random.choice(EXPERIMENTS), self._now())
        self._store.restore_experiment("0", self._now())

    def _files(self) -> None:
        record = get_run(self._store, self._run())
        if self._random.random() < 0.5:
            self._store.set_artifacts(record.artifact_root, [FILE])
        else:
            self._store.delete_artifacts(record.artifact_root)

    # Comparisons

    def _queries(self) -> list[RunQuery]:
        random = self._random
        clauses = tuple(self._clause() for _ in range(random.choice((1, 1, 2))))
        orders = tuple(
            Ordering(random.choice(ENTITIES), random.choice((*KEYS, "p")), random.random() < 0.5)
            for _ in range(random.choice((1, 1, 2)))
        )
        by_time = Ordering("attribute", "start_time")
        return [
            RunQuery(EXPERIMENTS, view="all"),
            RunQuery((random.choice(EXPERIMENTS),), clauses, orders),
            RunQuery(EXPERIMENTS, clauses[:1], view="all"),
            RunQuery(EXPERIMENTS, order=orders, view=random.choice(("active", "deleted"))),
            RunQuery(EXPERIMENTS, (Comparison("attribute", "start_time", ">", 0),), (by_time,)),
        ]

    def _clause(self) -> Comparison:
        random = self._random
        entity: Any = random.choice(("metric", *ENTITIES))
        comparator: Any = random.choice(("IS NULL", "IS NOT NULL"))
        if random.random() < 0.2:
            return Comparison(entity, random.choice((*KEYS, "p")), comparator)
        if entity == "metric":
            comparator = random.choice(("<", "<=", ">", ">=", "=", "!="))
            return Comparison(entity, random.choice(KEYS), comparator, random.choice(NUMBERS))
        comparator, operand = random.choice(
            (
                ("=", random.choice(TEXTS)),
                ("!=", random.choice(TEXTS)),
                ("LIKE", "%b%"),
                ("ILIKE", "A"),
                ("IN", TEXTS[:3]),
                ("NOT IN", TEXTS[2:]),
            )
        )
        return Comparison(entity, random.choice(("loss", "t", "p")), comparator, operand)

    def _compare_series(self, fast: RunViews, slow: RunViews) -> None:
        random = self._random
        axis = random.choice(("step", "time", "relative", "metric:loss", "metric:t.x"))
        low, high = random.choice(((None, None), (None, None), (0, 7), (1.5, None)))
        groups = random.choice((None, None, {"r1": "g", "r3": "g", "r4": "h"}))
        arguments: Any = (RUNS, KEYS, random.choice((1, 2, 5)), axis, low, high, groups)
        found, expected = fast.sample_series(*arguments), slow.sample_series(*arguments)
        assert [_plain_series(one) for one in found] == [_plain_series(one) for one in expected]
        for run_id in RUNS:
            summaries = [[_plain(astuple(one)) for one in views.list_series(run_id)] for views in (fast, slow)]
            assert summaries[0] == summaries[1]
        positions = {(run_id, key): random.choice((-1, 0, 2)) for run_id in RUNS for key in (*KEYS, "a")}
        assert repr(fast.get_tail(positions)) == repr(slow.get_tail(positions))

    def _state(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return all experiments, and all runs with the sizes of their series and their files, by id."""
        experiments = self._store.search_experiments(ExperimentQuery(view="all")).items
        records = self._store.search_runs(RunQuery(tuple(record.id for record in experiments), view="all")).items
        series = self._store.get_series_of([record.id for record in records])
        runs = {}
        for record in records:
            sizes = [(one.key, one.kind, one.column, one.value_type, len(one.positions)) for one in series[record.id]]
            files = self._store.list_artifacts(record.artifact_root, recursive=True)
            runs[record.id] = repr((record, sizes, files))
        return {record.id: repr(record) for record in experiments}, runs

    def _compare_changes(self) -> None:
        """Check that a program that reads only what has changed knows the same as one that reads everything."""
        changes = self._store.views.get_changes(self._cursor)
        experiments, runs = self._state()
        known_experiments, known_runs = self._known
        assert changes.is_complete
        for run_id in changes.removed:
            known_runs.pop(run_id, None)
        read = {run_id: runs[run_id] for run_id in (*changes.created, *changes.runs)}
        assert not known_runs.keys() & set(changes.created)
        assert {**known_runs, **read} == runs
        read = {id: experiments[id] for id in changes.experiments if id in experiments}
        assert {**known_experiments, **read}.items() >= experiments.items()
        assert self._store.views.get_changes(changes.cursor).runs == ()
        self._cursor, self._known = changes.cursor, (experiments, runs)


def _compare_tables(fast: RunViews, slow: RunViews, query: RunQuery, random: Random) -> None:
    limit = random.choice((None, None, 1, 2))
    offset = random.choice((0, 0, 1))
    assert _plain_table(fast.get_columns(query, SHOWN, offset, limit)) == _plain_table(
        slow.get_columns(query, SHOWN, offset, limit)
    )
    matched = fast.match(query)
    assert (matched.ids, matched.numbers.tolist()) == (slow.match(query).ids, slow.match(query).numbers.tolist())
    by = random.choice(SHOWN)
    assert _plain(fast.count_runs(query, by)) == _plain(slow.count_runs(query, by))
    assert fast.count_runs(query) == slow.count_runs(query)
    arguments: Any = (query, [by, random.choice(SHOWN)], [Column("metric", "loss")], random.choice((2, 1000)))
    found, expected = fast.group_runs(*arguments), slow.group_runs(*arguments)
    assert [_plain_group(group) for group in found] == [_plain_group(group) for group in expected]


def _plain(value: Any) -> Any:
    """Return a value in which NaN is a text, so that it equals itself, and numbers are rounded."""
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if not isinstance(value, float):
        return value
    return "NaN" if math.isnan(value) else float(f"{value:.12g}") + 0.0


def _plain_table(found: RunColumns) -> list[Any]:
    columns = []
    for column in found.columns:
        if isinstance(column, Numbers):
            values: list[Any] = _plain(column.values.tolist())
        else:
            assert set(column.codes[column.present].tolist()) == set(range(len(column.words)))
            values = [column.words[code] if column.words else "" for code in column.codes.tolist()]
        columns.append([v if present else ... for v, present in zip(values, column.present.tolist(), strict=True)])
    return [found.ids, found.numbers.tolist(), found.total, *columns]


def _plain_group(group: RunGroup) -> list[Any]:
    spreads = []
    for spread in group.spreads:
        # The mean of numbers near the greatest float64 may overflow in one order of summation and not in another.
        is_large = max(abs(spread.minimum), abs(spread.maximum)) > 1e150
        numbers = (spread.minimum, spread.maximum) if is_large else (spread.mean, spread.deviation, spread.median)
        spreads.append([spread.count, *numbers])
    return [_plain(group.values), group.runs, group.ids, _plain(spreads)]


def _plain_series(found: SampledSeries) -> list[Any]:
    facts: SeriesFacts = found.facts
    points = None if found.x is None or found.values is None else [found.x.tolist(), found.values.tolist()]
    buckets = None if found.buckets is None else _plain_buckets(found.buckets, facts)
    plain: list[Any] = _plain(
        [found.name, found.key, found.edges.tolist(), tuple(facts), points, buckets, found.position]
    )
    return plain


def _plain_buckets(buckets: Buckets, facts: SeriesFacts) -> list[Any]:
    is_large = max(abs(facts.minimum), abs(facts.maximum)) > 1e150
    columns = [buckets.count, buckets.minimum, buckets.maximum, buckets.last]
    if buckets.last is None:
        columns = [buckets.count]
    if not is_large:
        columns += [buckets.minimum, buckets.maximum, buckets.mean, buckets.deviation]
    return [None if column is None else column.tolist() for column in columns]


def check_views(new_store: StoreFactory, seeds: Sequence[int], parts: int = 4, calls: int = 12) -> None:
    """Play a random history for each seed, and compare the views after each part of it.

    Args:
        new_store: opens a new store.
        seeds: the seeds of the histories.
        parts: the number of comparisons in each history.
        calls: the number of calls before each comparison.
    """
    for seed in seeds:
        with new_store() as store:
            history = History(store, Random(seed))
            for _ in range(parts):
                history.play(calls)
                history.compare()
