"""Sealing compresses the points of a database, and changes nothing that a reader sees."""

from __future__ import annotations

import shutil
import sys
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy
import pytest
from interrupting import Interrupts, each_place, places
from longer import LONG, SCALE
from sqlite_steps import steps_of

from bridge.errors import NotFound, SchemaMismatch, StoreUnavailable
from bridge.records.run import RunChanges, RunRecord, Status
from bridge.records.series import MLFLOW, NATIVE, SCALAR, Definition, Point
from bridge.store.backend import Backend
from bridge.store.chunks import Chunk
from bridge.store.journaled import JournaledStore
from bridge.store.one_run import create_run, get_series
from bridge.store.place import slice_of
from bridge.store.slices import Slice
from bridge.store.sql import seal
from bridge.store.sql.backend import SqlBackend
from bridge.store.sql.sqlite import open_sqlite
from bridge.testing.backend import BackendTests
from bridge.testing.machine import check_store
from bridge.testing.strategies import FLOATS, row

Array = numpy.ndarray[Any, Any]


def seal_all(store: SqlBackend) -> None:
    """Seal all points, and let them all be merged."""
    with store.database.read() as c:
        series = [id for (id,) in c.execute("SELECT id FROM series").fetchall()]
    while series:
        series = seal.seal(store.database, series)


def tidy_all(store: SqlBackend) -> None:
    while store.tidy():
        continue


class Sealing(SqlBackend):
    """A database in which some points are sealed after each call that stores points: none, a few or all of them."""

    calls = 0

    def seal_some(self) -> None:
        self.calls += 1
        if self.calls % 4 == 0:
            seal_all(self)
        elif self.calls % 4 > 1:
            with self.database.read() as c:
                series = [id for (id,) in c.execute("SELECT id FROM series ORDER BY id DESC").fetchall()]
            seal.seal(self.database, series)

    def log_points(self, run_id: str, points: Sequence[Point], api: int = NATIVE) -> None:
        super().log_points(run_id, points, api)
        self.seal_some()

    def append(self, slices: Sequence[Slice]) -> dict[str, int]:
        ends = super().append(slices)
        self.seal_some()
        return ends


@pytest.fixture(scope="module", autouse=True)
def few_points_too() -> Iterator[None]:
    """Let series with few points be sealed too, because most tests seal few points."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seal, "FEW_BLOCKS", 0)
        yield


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let chunks and steps be small, so that few points need several of them."""
    sizes = {"MOST_POINTS": 4, "POINTS_AT_ONCE": 5, "SERIES_AT_ONCE": 2, "BLOCKS_AT_ONCE": 3, "SERIES_LISTED": 3}
    for name, value in sizes.items():
        monkeypatch.setattr(seal, name, value)


def open_sealing(path: Path) -> Sealing:
    return Sealing(open_sqlite(path).database)


@contextmanager
def new_store() -> Iterator[Backend]:
    with TemporaryDirectory() as folder:
        store = open_sealing(Path(folder, "workspace.db"))
        yield store
        store.close()


@contextmanager
def new_journaled_store() -> Iterator[Backend]:
    with TemporaryDirectory() as folder, new_store() as inner:
        store = JournaledStore(inner, Path(folder))
        yield store
        store.close()


@pytest.mark.slow
class TestSealedStore(BackendTests):
    @pytest.fixture
    def store(self, tmp_path: Path, small: None) -> Iterator[Backend]:
        store = open_sealing(tmp_path / "workspace.db")
        yield store
        store.close()

    @pytest.fixture
    def other(self, store: Backend, tmp_path: Path) -> Iterator[Backend]:
        other = open_sealing(tmp_path / "workspace.db")
        yield other
        other.close()


@pytest.mark.slow
@pytest.mark.parametrize("factory", (new_store, new_journaled_store))
def test_any_order_of_calls_and_of_sealing_agrees_with_plain_dicts(
    factory: Callable[[], AbstractContextManager[Backend]], small: None
) -> None:
    check_store(factory, examples=15 * SCALE)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlBackend]:
    store = open_sqlite(tmp_path / "workspace.db")
    create_run(store, RunRecord("r", "0"))
    yield store
    store.close()


def contents(store: Backend, run_id: str = "r") -> list[tuple[object, ...]]:
    """Return the series of a run, bit by bit."""
    return [
        (
            *(one.key, one.column, one.kind, one.value_type, one.all_ints),
            *(column.tobytes() for column in (one.positions, one.steps, one.timestamps, one.apis)),
            None if one.numbers is None else one.numbers.tobytes(),
            None if one.texts is None else [repr(text) for text in one.texts],
        )
        for one in get_series(store, run_id)
    ]


def log_everything(store: Backend) -> None:
    """Log points of all kinds, in several blocks."""
    for number in range(12):
        store.log("r", "loss", FLOATS[number], number, number)
        store.log("r", "metric", float(number % 3), 5, number % 2, api=MLFLOW)
        store.log_points("r", row("table", {"x": number, "y": f"cell {number}"}, number))
        store.log("r", "note", ("text", True, None)[number % 3], number)


def rows(store: SqlBackend, table: str) -> list[tuple[int, int]]:
    """Return the series and the points of the rows of a table, in their order."""
    order = "first_position" if table == "chunk" else "id"
    with store.database.read() as c:
        found: list[tuple[int, int]] = c.execute(
            f"SELECT series, points FROM {table} ORDER BY series, {order}"
        ).fetchall()
    return found


def test_sealed_points_are_read_with_the_same_bits(store: SqlBackend, small: None) -> None:
    log_everything(store)
    before = contents(store)
    seal_all(store)
    assert contents(store) == before
    assert rows(store, "point_block") == []
    assert max(points for _, points in rows(store, "chunk")) == 4
    log_everything(store)
    assert len(rows(store, "point_block")) == 5 * 12
    before = contents(store)
    seal_all(store)
    assert contents(store) == before


def points_of(count: int, start: int = 0) -> list[Point]:
    return [Point("loss", number / 7, number, number) for number in range(start, start + count)]


def test_chunks_are_merged_only_with_at_least_as_many_new_points(store: SqlBackend) -> None:
    sizes = []
    for number in range(9):
        store.log_points("r", points_of(10, 10 * number))
        seal_all(store)
        sizes.append([points for _, points in rows(store, "chunk")])
    assert sizes[:4] == [[10], [20], [20, 10], [40]]
    assert sizes[7:] == [[80], [80, 10]]


def test_full_chunks_are_not_merged_again(store: SqlBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal, "MOST_POINTS", 16)
    for number in range(5):
        store.log_points("r", points_of(10, 10 * number))
        seal_all(store)
    assert [points for _, points in rows(store, "chunk")] == [16, 16, 16, 2]
    assert get_series(store, "r")[0].steps.tolist() == list(range(50))


def slice_to(end: int, points: Sequence[Point]) -> Slice:
    return replace(slice_of("r", points, NATIVE), journal_id="j", start=end - 1, end=end)


def test_a_series_with_many_blocks_is_sealed_after_a_fold(store: SqlBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal, "HOT_BLOCKS", 3)
    for number in range(1, 4):
        assert not store.tidy()
        store.append([slice_to(number, points_of(2, 2 * number))])
    assert store.tidy()
    assert (len(rows(store, "chunk")), rows(store, "point_block")) == (1, [])
    store.append([slice_to(4, points_of(2, 8))])
    assert not store.tidy()


def test_a_large_block_is_sealed_after_a_fold(store: SqlBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal, "HOT_POINTS", 5)
    store.append([slice_to(1, points_of(5))])
    assert store.tidy()
    assert [points for _, points in rows(store, "chunk")] == [5]


@pytest.mark.parametrize("status", ("Completed", "Failed", "Canceled"))
def test_the_points_of_a_run_that_has_ended_are_sealed(store: SqlBackend, status: Status) -> None:
    log_everything(store)
    store.update_runs(["r"], RunChanges(status="Running"))
    assert not store.tidy()
    store.update_runs(["r"], RunChanges(status=status))
    while store.tidy():
        pass
    assert rows(store, "point_block") == []
    with store.database.read() as c:
        assert c.execute("SELECT * FROM unsealed").fetchall() == []


def test_ended_runs_are_sealed_in_few_steps(store: SqlBackend) -> None:
    runs = [f"run{number}" for number in range(50)]
    for run_id in runs:
        create_run(store, RunRecord(run_id, "0"))
        store.log_points(run_id, points_of(2))
    store.update_runs(runs, RunChanges(status="Completed"))
    steps = 0
    while store.tidy():
        steps += 1
    assert rows(store, "point_block") == []
    assert len(rows(store, "chunk")) == 50
    assert steps <= 5


def test_the_cost_of_sealing_a_run_with_many_series_is_linear(
    store: SqlBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("SERIES_LISTED", 20), ("SERIES_AT_ONCE", 10), ("FEW_BLOCKS", 2), ("FEW_POINTS", 6)):
        monkeypatch.setattr(seal, name, value)
    costs = []
    for run_id, count in (("narrow", 50), ("wide", 400)):
        create_run(store, RunRecord(run_id, "0"))
        store.log_points(run_id, [Point(f"k{number}", 0.5, 1) for number in range(count)])
        store.update_runs([run_id], RunChanges(status="Completed"))
        costs.append(steps_of(store, partial(tidy_all, store)))
    assert costs[1] < 12 * costs[0]


@pytest.mark.parametrize("folds, points, is_sealed", [(1, 5, False), (1, 6, True), (2, 2, False), (3, 1, True)])
def test_a_series_with_few_points_is_not_sealed(
    store: SqlBackend, monkeypatch: pytest.MonkeyPatch, folds: int, points: int, is_sealed: bool
) -> None:
    """Its chunk would take more bytes than its blocks."""
    monkeypatch.setattr(seal, "FEW_BLOCKS", 2)
    for _ in range(folds):
        store.log_points("r", points_of(points))
    store.update_runs(["r"], RunChanges(status="Completed"))
    while store.tidy():
        pass
    assert (len(rows(store, "chunk")), len(rows(store, "point_block"))) == ((1, 0) if is_sealed else (0, folds))
    with store.database.read() as c:
        assert c.execute("SELECT * FROM unsealed").fetchall() == []


def test_points_that_come_after_the_end_of_a_run_are_sealed(store: SqlBackend) -> None:
    store.update_runs(["r"], RunChanges(status="Completed"))
    while store.tidy():
        pass
    store.append([slice_to(1, points_of(2))])
    while store.tidy():
        pass
    assert (rows(store, "point_block"), len(rows(store, "chunk"))) == ([], 1)


def test_points_that_come_during_the_sealing_of_an_ended_run_are_sealed(store: SqlBackend, small: None) -> None:
    log_everything(store)
    store.update_runs(["r"], RunChanges(status="Completed"))
    while (1, 1) in rows(store, "point_block"):  # the first series
        store.tidy()
    store.append([slice_to(1, points_of(2))])
    before = contents(store)
    while store.tidy():
        pass
    assert rows(store, "point_block") == []
    assert contents(store) == before


def seal_while(store: SqlBackend, monkeypatch: pytest.MonkeyPatch, change: Callable[[], object]) -> None:
    """Seal all points. Between the first two transactions of a step, change the database."""
    merged = seal._merged

    def merge(part: seal.Part) -> list[Chunk]:
        monkeypatch.setattr(seal, "_merged", merged)
        change()
        return merged(part)

    monkeypatch.setattr(seal, "_merged", merge)
    seal_all(store)


@pytest.fixture
def other(store: SqlBackend, tmp_path: Path) -> Iterator[SqlBackend]:
    other = open_sqlite(tmp_path / "workspace.db")
    yield other
    other.close()


def test_a_point_that_is_stored_during_a_step_is_kept(
    store: SqlBackend, other: SqlBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_everything(store)
    seal_while(store, monkeypatch, partial(other.log, "r", "loss", 1.0, 5))
    assert len(get_series(store, "r", ["loss"])[0].steps) == 13
    assert rows(store, "point_block") == [(1, 1)]


def test_points_that_another_process_seals_during_a_step_are_not_doubled(
    store: SqlBackend, other: SqlBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_everything(store)
    before = contents(store)

    def seal_and_log() -> None:
        seal_all(other)
        for _ in range(60):  # these blocks get the ids of those that were sealed
            other.log("r", "other", 1.0, 5)

    seal_while(store, monkeypatch, seal_and_log)
    assert contents(store)[:-1] == before
    assert rows(store, "point_block") == [(6, 1)] * 60


def test_points_that_are_purged_during_a_step_do_not_come_back(
    store: SqlBackend, other: SqlBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_everything(store)
    seal_while(store, monkeypatch, partial(other.purge_runs, ["r"]))
    assert rows(store, "chunk") == rows(store, "point_block") == []


def test_the_series_of_a_step_that_has_failed_are_sealed_later(
    store: SqlBackend, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in "abcdef":
        store.log_points("r", [Point(key, number, number) for number in range(3)])
    store.update_runs(["r"], RunChanges(status="Completed"))

    def fail(*_: object) -> list[int]:
        raise StoreUnavailable("the database", "it is locked")

    with monkeypatch.context() as patch:
        patch.setattr(seal, "seal", fail)
        assert store.tidy()
        with pytest.raises(StoreUnavailable):
            store.tidy()
    while store.tidy():
        pass
    assert rows(store, "point_block") == []


def test_sealed_points_are_purged(store: SqlBackend, small: None) -> None:
    log_everything(store)
    seal_all(store)
    log_everything(store)
    store.purge_runs(["r"])
    assert rows(store, "chunk") == rows(store, "point_block") == []


def test_the_points_of_a_purged_run_do_not_come_back(store: SqlBackend) -> None:
    log_everything(store)
    store.update_runs(["r"], RunChanges(status="Completed"))
    store.purge_runs(["r"])
    while store.tidy():
        pass
    assert rows(store, "chunk") == []


def test_without_pcodec_points_are_stored_and_read_but_not_sealed(
    store: SqlBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_everything(store)
    before = contents(store)
    store.update_runs(["r"], RunChanges(status="Completed"))
    monkeypatch.setitem(sys.modules, "pcodec", None)
    assert not store.tidy()
    assert contents(store) == before


def test_without_pcodec_a_read_of_sealed_points_raises_an_error_that_names_it(
    store: SqlBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_everything(store)
    seal_all(store)
    monkeypatch.setitem(sys.modules, "pcodec", None)
    with pytest.raises(NotFound, match="reading compressed metrics needs it. Run: pip install pcodec"):
        get_series(store, "r")


def test_points_that_only_a_newer_version_can_decompress_are_not_merged(store: SqlBackend) -> None:
    store.log_points("r", points_of(5))
    seal_all(store)
    with store.database.write() as c:
        c.execute("UPDATE chunk SET codec = 2")
    store.log_points("r", points_of(50, 5))
    seal_all(store)
    assert [points for _, points in rows(store, "chunk")] == [5, 50]
    with pytest.raises(SchemaMismatch):
        get_series(store, "r")


@pytest.mark.slow
def test_an_exception_anywhere_in_a_step_loses_and_doubles_nothing(tmp_path: Path, small: None) -> None:
    files = ("/sql/", "/store/chunks.py")
    template = open_sqlite(tmp_path / "template.db")
    create_run(template, RunRecord("r", "0"))
    for number in range(4):
        template.log("r", "loss", FLOATS[number], number)
        template.log("r", "note", "text", number)
    expected = contents(template)
    template.close()
    counted = open_sqlite(Path(shutil.copy(tmp_path / "template.db", tmp_path / "counted.db")))
    count = places(files, partial(seal_all, counted))
    counted.close()
    assert count > 300
    for at, error in each_place(count, 3 if LONG else 33):
        store = open_sqlite(Path(shutil.copy(tmp_path / "template.db", tmp_path / f"{at}-{error.__name__}.db")))
        try:
            with Interrupts(files, at, error) as interrupts:
                seal_all(store)
        except error:
            pass
        assert contents(store) == expected, interrupts.where
        seal_all(store)
        assert contents(store) == expected, interrupts.where
        assert rows(store, "point_block") == []
        store.close()


def bytes_of(store: SqlBackend) -> int:
    """Return the size of the used pages of a database."""
    with store.database.read() as c:
        count, free, size = (
            c.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
    return (count - free) * size


def append_numbers(store: SqlBackend, values: Array, first: int) -> None:
    """Append numbers in one block. `first` is the step of the first number."""
    count = len(values)
    steps = numpy.arange(first, first + count)
    store.append(
        [
            Slice(
                journal_id="j",
                start=first,
                end=first + count,
                definitions={0: Definition("r", "loss", "", SCALAR, "number")},
                series=numpy.zeros(count, dtype=numpy.uint32),
                times=numpy.zeros(count, dtype=numpy.int64),
                timestamps=10**12 + 1000 * steps,
                steps=steps,
                has_step=numpy.ones(count, dtype=bool),
                values=values,
                ints=numpy.zeros(count, dtype=bool),
                apis=numpy.full(count, NATIVE, dtype=numpy.uint8),
                joined=numpy.zeros(count, dtype=bool),
            )
        ]
    )


def peak_of(call: Callable[[], object]) -> int:
    """Return the greatest size of the memory, in bytes, that a call allocates."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_sealing_and_pages_need_little_memory(store: SqlBackend) -> None:
    """A million points are 33 MB, and a chunk is 2 MB."""
    values = numpy.random.default_rng(0).normal(size=100_000)
    for part in range(10):
        append_numbers(store, values, 100_000 * part)

    def seal_everything() -> None:
        while store.tidy():
            pass

    assert peak_of(seal_everything) < 30_000_000
    assert rows(store, "point_block") == []
    assert peak_of(lambda: store.views.get_history("r", "loss", 500_000, 25_000)) < 8_000_000
    found = store.views.get_history("r", "loss", 500_000, 25_000)
    assert found.steps.tolist() == list(range(500_000, 525_000))
    store.purge_runs(["r"])
    assert rows(store, "chunk") == []


@pytest.mark.parametrize(("type", "most"), (("float64", 8), ("float32", 4)))
def test_sealed_noise_needs_few_bytes_a_point(store: SqlBackend, type: str, most: int) -> None:
    before, count = bytes_of(store), 100_000
    noise = numpy.random.default_rng(0).normal(0.3, 0.05, count).astype(type).astype("float64")
    append_numbers(store, noise, 0)
    while store.tidy():
        pass
    assert rows(store, "point_block") == []
    assert bytes_of(store) - before < most * count
    found = get_series(store, "r")[0].numbers
    assert found is not None and found.tobytes() == noise.tobytes()
