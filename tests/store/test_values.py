"""Reads return what was logged: every value, bit by bit, in log order, from one process and from two."""

from __future__ import annotations

import os
import pickle
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from forked import Child
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.errors import InvalidValue
from bridge.records.run import RunRecord
from bridge.records.series import MLFLOW, NATIVE, SCALAR, Point, SeriesRecord, Value, imprecise_warning
from bridge.store.history import mlflow_history, native_series
from bridge.store.journaled import JournaledStore
from bridge.store.one_run import create_run, get_run, get_series
from bridge.store.sql.sqlite import open_sqlite
from bridge.store.tracking import TrackingStore
from bridge.testing.naive import (
    LoggedPoint,
    by_column,
    check_series,
    history_of,
    is_number,
    latest_of,
    latest_text_of,
    log_naively,
    native_of,
    same_bits,
    scalars,
)
from bridge.testing.oracle.memory import MemoryStore
from bridge.testing.strategies import (
    COLUMNS,
    FLOATS,
    INTS,
    STEPS,
    TEXTS,
    TIMESTAMPS,
    apis,
    flat,
    floats,
    kept_files,
    points,
    row,
    rows,
    tied_points,
    tied_rows,
)

EXAMPLES = 20
KEYS = ("loss", "val/acc", "Größe 🎈")


@contextmanager
def memory() -> Iterator[TrackingStore]:
    yield MemoryStore()


@contextmanager
def sqlite() -> Iterator[TrackingStore]:
    with TemporaryDirectory() as folder:
        store = open_sqlite(Path(folder, "workspace.db"))
        yield store
        store.close()


@contextmanager
def journaled_memory() -> Iterator[TrackingStore]:
    with TemporaryDirectory() as folder:
        store = JournaledStore(MemoryStore(), Path(folder))
        yield store
        store.close()


def open_journaled(folder: Path) -> TrackingStore:
    return JournaledStore(open_sqlite(folder / "workspace.db"), folder / "journal")


@contextmanager
def journaled_sqlite() -> Iterator[TrackingStore]:
    with TemporaryDirectory() as folder:
        store = open_journaled(Path(folder))
        yield store
        store.close()


PLACES = [memory, sqlite, journaled_memory, journaled_sqlite]
Call = tuple[list[Point], int, bool]
parts = st.one_of(points(), tied_points, points(floats), rows(), tied_rows, rows(floats), kept_files())
calls = st.lists(st.tuples(st.lists(parts, min_size=1, max_size=6).map(flat), apis, st.booleans()), max_size=6)


def log(store: TrackingStore, logged: list[Call]) -> dict[str, list[LoggedPoint]]:
    """Log to run r1, optionally one point at a time, and return the expected points of each key."""
    expected: dict[str, list[LoggedPoint]] = {}
    for batch, api, singly in logged:
        if singly and all(point.kind == SCALAR for point in batch):
            for point in batch:
                store.log("r1", point.key, point.value, point.timestamp, point.step, api)
        else:
            store.log_points("r1", batch, api)
        log_naively(expected, batch, api)
    return expected


def compare(store: TrackingStore, expected: dict[str, list[LoggedPoint]]) -> None:
    record = get_run(store, "r1")
    assert {one.key for one in get_series(store, "r1")} == set(expected)
    for key, everything in expected.items():
        records, logged = get_series(store, "r1", [key]), scalars(everything)
        check_series(records, everything)
        series, native = native_series(records), native_of(logged)
        assert same_bits(series.values.tolist(), [point.value for point in native])
        assert series.steps.tolist() == [point.step for point in native]
        assert series.timestamps.tolist() == [point.timestamp for point in native]
        history, shown = mlflow_history([one for one in records if one.kind == SCALAR]), history_of(logged)
        assert same_bits(history.values.tolist(), [value for _, _, value in shown])
        columns = history.timestamps.tolist(), history.steps.tolist()
        assert list(zip(*columns, strict=True)) == [row[:2] for row in shown]
        latest = latest_of(logged)
        assert (key in record.latest) == (latest is not None)
        if latest is not None:
            assert same_bits(record.latest[key], latest)
        text = latest_text_of(logged)
        assert same_bits([record.latest_texts[key]] if key in record.latest_texts else [], text or ())
        for column, cells in by_column(everything).items():
            latest = latest_of(cells)
            assert same_bits(record.latest_columns.get((key, column), ()), latest or ())
            history = mlflow_history([one for one in records if one.column == column])
            assert same_bits(history.values.tolist(), [value for _, _, value in history_of(cells)])
    imprecise = {key for key, own in expected.items() for p in own if type(p.value) is int and abs(p.value) > 2**53}
    assert sorted(record.warnings) == sorted(imprecise_warning(key) for key in imprecise)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_logged_values_are_read_equal_with_their_types_and_in_log_order(
    place: Callable[[], Iterator[TrackingStore]],
) -> None:
    @settings(max_examples=EXAMPLES)
    @given(logged=calls)
    def check(logged: list[Call]) -> None:
        with place() as store:  # type: ignore[attr-defined]  # `contextmanager` makes it a function
            create_run(store, RunRecord("r1", "0"))
            compare(store, log(store, logged))

    check()


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_an_int_beyond_float64_is_refused_and_leaves_nothing(place: Callable[[], Iterator[TrackingStore]]) -> None:
    with place() as store:  # type: ignore[attr-defined]  # as above
        create_run(store, RunRecord("r1", "0"))
        store.log("r1", "loss", 1, 1)
        for value in (2**1024, -(2**1024), 10**5000):
            with pytest.raises(InvalidValue):
                store.log("r1", "loss", value, 1)
            with pytest.raises(InvalidValue):
                store.log_points("r1", [Point("loss", 2, 1), Point("loss", value, 1)])
        assert native_series(get_series(store, "r1")).values.tolist() == [1]
        assert get_run(store, "r1").warnings == ()


def drawn_calls(seed: int) -> list[Call]:
    """Return the calls of one process, equal for equal seeds."""
    draw = random.Random(seed)
    pool: list[Value] = [*FLOATS, *INTS, *TEXTS]
    result: list[Call] = []
    for _ in range(60):
        batch: list[Point] = []
        for _ in range(draw.choice((1, 1, 5))):
            key, timestamp, step = draw.choice(KEYS), draw.choice(TIMESTAMPS), draw.choice(STEPS)
            if draw.random() < 0.4:
                columns = draw.sample(COLUMNS, draw.choice((1, 2, 3)))
                batch += row(key, {column: draw.choice(pool) for column in columns}, timestamp, step)
            else:
                batch.append(Point(key, draw.choice(pool), timestamp, step))
        result.append((batch, draw.choice((NATIVE, MLFLOW)), draw.random() < 0.5))
    return result


Row = tuple[bytes, int, int, int]
"""A stored point or row: its values by kind and column, pickled (equal for equal bits of equal type), its step,
timestamp and API."""

Wanted = tuple[bytes, "int | None", int, int]
"""A logged point or row; the step may be None."""


def rows_of(records: list[SeriesRecord]) -> list[Row]:
    """Return the stored points of one key in log order, all numbers as floats."""
    cells: dict[int, list[tuple[int, str, Value]]] = {}
    places: dict[int, set[tuple[int, int, int]]] = {}
    for record in records:
        values = record.texts if record.numbers is None else record.numbers.tolist()
        columns = (record.positions, record.steps, record.timestamps, record.apis)
        of_points = zip(*(column.tolist() for column in columns), strict=True)
        for value, (position, *place) in zip(values or [], of_points, strict=True):
            cells.setdefault(position, []).append((record.kind, record.column, value))
            places.setdefault(position, set()).add(tuple(place))
    assert all(len(found) == 1 for found in places.values())  # the cells of a row share these three
    return [(pickled(cells[position]), *places[position].pop()) for position in sorted(cells)]


def pickled(cells: list[tuple[int, str, Value]]) -> bytes:
    """Return the values of a point or row in a form that is equal only for equal types and bits."""
    return pickle.dumps([(kind, column, pickle.dumps(value)) for kind, column, value in sorted(cells, key=by_name)])


def by_name(cell: tuple[int, str, Value]) -> tuple[int, str]:
    return cell[:2]


def rows_wanted(logged: list[Call], key: str) -> list[Wanted]:
    """Return the points and rows of one key as one process logged them, all numbers as floats."""
    wanted: list[tuple[list[tuple[int, str, Value]], int | None, int, int]] = []
    for batch, api, _ in logged:
        for p in batch:
            value = float(p.value) if is_number(p.value) else p.value  # type: ignore[arg-type]  # it is a number
            if p.key == key and p.joined:
                wanted[-1][0].append((p.kind, p.column, value))
            elif p.key == key:
                wanted.append(([(p.kind, p.column, value)], p.step, p.timestamp, api))
    return [(pickled(cells), *rest) for cells, *rest in wanted]  # type: ignore[misc]  # a tuple's rest is a list


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_two_processes_that_log_at_once_lose_nothing_and_each_keeps_its_order(tmp_path: Path, seed: int) -> None:
    store = open_journaled(tmp_path)
    create_run(store, RunRecord("r1", "0"))
    logged = {process: drawn_calls(10 * seed + process) for process in (0, 1)}
    start_read, start_write = os.pipe()

    def work(process: int) -> None:
        own = open_journaled(tmp_path)  # an object each, as in two programs
        os.close(start_write)
        os.read(start_read, 1)  # closing the pipe starts both
        log(own, logged[process])

    children = [Child(lambda say, process=process: work(process)) for process in (0, 1)]
    os.close(start_write)
    os.close(start_read)
    get_run(store, "r1")  # a reader folds concurrently
    assert [child.wait() for child in children] == [0, 0]
    for child in children:
        child.close()

    for key in KEYS:
        records = get_series(store, "r1", [key])
        stored, wanted = rows_of(records), [rows_wanted(logged[process], key) for process in (0, 1)]
        assert len(stored) == len(wanted[0]) + len(wanted[1])
        assert is_interleaving(stored, wanted[0], wanted[1])
        check_stepless(stored, wanted)
        merged = [
            LoggedPoint(pickle.loads(value), timestamp, step, False, api)
            for cells, step, timestamp, api in stored
            for kind, _, value in pickle.loads(cells)
            if kind == SCALAR
        ]
        assert same_bits(native_series(records).values.tolist(), [point.value for point in native_of(merged)])
        history = mlflow_history([record for record in records if record.kind == SCALAR]).values.tolist()
        assert same_bits(history, [value for _, _, value in history_of(merged)])
    store.close()


def fits(row: Row, wanted: Wanted) -> bool:
    """Return whether a stored point can be a logged one. A point logged without a step may have any step."""
    return (row[0], row[2], row[3]) == (wanted[0], wanted[2], wanted[3]) and wanted[1] in (None, row[1])


def is_interleaving(stored: list[Row], one: list[Wanted], two: list[Wanted]) -> bool:
    """Return whether the stored points are a merge of two processes' points, each in its own order."""
    reachable = {0}
    for at, found in enumerate(stored):
        reachable = {
            of_one
            for before in reachable
            for of_one, fit in (
                (before + 1, before < len(one) and fits(found, one[before])),
                (before, at - before < len(two) and fits(found, two[at - before])),
            )
            if fit
        }
    return len(one) in reachable


def check_stepless(stored: list[Row], wanted: list[list[Wanted]]) -> None:
    """Check that the points logged without a step got the steps 0, 1, 2, … in order."""
    steps = sorted(row[1] for row in stored)
    for step in (one[1] for own in wanted for one in own if one[1] is not None):
        steps.remove(step)
    assert steps == list(range(len(steps)))
