"""The cost of an append depends on its own points only, and other processes can write while it is prepared."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy
import pytest
from array_steps import Steps
from array_steps import steps_of as array_steps_of
from sqlite_steps import steps_of

from bridge.errors import InvalidState, StoreUnavailable
from bridge.journal.format import RECORDS_AT
from bridge.journal.reader import JournalReader
from bridge.journal.stretch import Stretch
from bridge.records.run import RunChanges, RunRecord
from bridge.records.series import COLUMN, Point
from bridge.store import bounds, cuts, fold, place
from bridge.store.history import native_series
from bridge.store.journaled import JournaledStore
from bridge.store.one_run import create_run, get_run, get_series
from bridge.store.slices import Slice
from bridge.store.sql import backend, series
from bridge.store.sql.backend import SqlBackend
from bridge.store.sql.sqlite import open_sqlite
from bridge.testing.slices import Entry, make_slice

SMALL, LARGE = 600, 4800
"""Numbers of series beyond what one statement looks up; the second is eight times the first."""

MANY_KEYS = [f"key {number}" for number in range(2 * bounds.MOST_SERIES + 10)]

LINEAR = 12
"""The allowed factor for eight times as much. If each run were joined with each key, it would be sixty."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "workspace.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqlBackend]:
    store = open_sqlite(path)
    yield store
    store.close()


@pytest.fixture
def other(store: SqlBackend, path: Path) -> Iterator[SqlBackend]:
    other = open_sqlite(path)
    yield other
    other.close()


def runs_with_keys_of_their_own(store: SqlBackend, name: str, count: int) -> Slice:
    run_ids = [f"{name}-{number}" for number in range(count)]
    store.create_runs([RunRecord(run_id, "0") for run_id in run_ids])
    return make_slice(name, 0, 1, [Entry(run_id, f"key of {run_id}", 1.0) for run_id in run_ids])


def keys_of_one_run(store: SqlBackend, name: str, count: int) -> Slice:
    create_run(store, RunRecord(name, "0"))
    return make_slice(name, 0, 1, [Entry(name, f"key {number}", 1.0) for number in range(count)])


def columns_of_one_key(store: SqlBackend, name: str, count: int) -> Slice:
    create_run(store, RunRecord(name, "0"))
    columns = [Entry(name, "table", 1.0, column=f"c{number}", kind=COLUMN) for number in range(count)]
    return make_slice(name, 0, 1, columns)


MAKERS = (runs_with_keys_of_their_own, keys_of_one_run, columns_of_one_key)


@pytest.mark.parametrize("make", MAKERS)
def test_an_append_is_linear_in_its_series(store: SqlBackend, make: Callable[[SqlBackend, str, int], Slice]) -> None:
    pieces = {count: make(store, f"of-{count}", count) for count in (SMALL, LARGE)}
    small, large = (steps_of(store, lambda piece=piece: store.append([piece])) for piece in pieces.values())  # type: ignore[misc]
    assert large < LINEAR * small


@pytest.mark.parametrize("make", MAKERS)
def test_the_cost_of_a_point_does_not_depend_on_the_number_of_series(
    store: SqlBackend, make: Callable[[SqlBackend, str, int], Slice]
) -> None:
    costs: list[int] = []
    for count in (SMALL, LARGE):
        piece = make(store, f"of-{count}", count)
        store.append([piece])
        more = make_slice("more", len(costs), len(costs) + 1, [_entry_of(piece)])
        costs.append(steps_of(store, lambda more=more: store.append([more])))  # type: ignore[misc]
    assert costs[1] <= costs[0] + 5


def _entry_of(piece: Slice) -> Entry:
    """Return another point of the first series of a slice."""
    run_id, key, column, kind, _ = piece.definitions[0]
    return Entry(run_id, key, 2.0, column=column, kind=kind)


def test_the_steps_outside_the_database_are_linear_too(monkeypatch: pytest.MonkeyPatch) -> None:
    costs = []
    for count in (SMALL, LARGE):
        steps = Steps()
        begins: list[int] = []

        def fold_all(count: int = count, steps: Steps = steps, begins: list[int] = begins) -> None:
            names = [(steps.text(f"run {n % 100}"), steps.text(f"key {n}")) for n in range(count)]
            entries = [Entry(*name, 1.0, time=n) for n, name in enumerate(names)]
            none = numpy.zeros(count, dtype=numpy.int64)
            placed = place.place(place.join([make_slice("j1", 0, 1, entries)]), place.Counters(none, none))
            begins += placed.begins.tolist()

        costs.append(array_steps_of(steps, monkeypatch, fold_all))
        assert begins == list(range(count))
    assert costs[1] < LINEAR * costs[0]


@pytest.mark.parametrize("make", MAKERS)
def test_reads_take_steps_in_proportion_to_their_result(
    store: SqlBackend, make: Callable[[SqlBackend, str, int], Slice]
) -> None:
    costs: list[list[int]] = []
    for count in (SMALL, LARGE):
        piece = make(store, f"of-{count}", count)
        store.append([piece])
        run_ids = list({definition.run_id for definition in piece.definitions.values()})
        keys = list({definition.key for definition in piece.definitions.values()})[: count // 100]
        reads: tuple[Callable[[], object], ...] = (
            lambda run_ids=run_ids: store.get_series_of(run_ids),  # type: ignore[misc]
            lambda run_ids=run_ids: store.get_runs(run_ids),  # type: ignore[misc]
            lambda run_ids=run_ids, keys=keys: store.get_series_of(run_ids[:100], keys),  # type: ignore[misc]
        )
        costs.append([steps_of(store, read) for read in reads])
    assert all(large < LINEAR * (small + 1) for small, large in zip(*costs, strict=True)), costs


def test_series_of_more_keys_than_one_statement_takes_are_read_in_the_order_of_their_first_points(
    store: SqlBackend,
) -> None:
    store.append([keys_of_one_run(store, "r1", 1200)])
    keys = [f"key {number}" for number in range(1200)]
    found = store.get_series_of(["r1"], [*reversed(keys), *(f"no {number}" for number in range(40_000))])["r1"]
    assert [record.key for record in found] == keys


# Concurrent writes while an append is prepared


def while_preparing(monkeypatch: pytest.MonkeyPatch, calls: Iterator[Callable[[], object]]) -> None:
    """Make one of these calls before each creation of rows in this thread, until all are made."""
    prepare, own = series.prepare, threading.get_ident()

    def preparing(*arguments: Any) -> series.Rows:
        call = next(calls, None) if threading.get_ident() == own else None
        if call is not None:
            call()
        return prepare(*arguments)

    monkeypatch.setattr(series, "prepare", preparing)


def test_other_processes_can_write_while_an_append_is_prepared(
    store: SqlBackend, other: SqlBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_run(store, RunRecord("r1", "0"))
    written = threading.Event()

    def write() -> None:
        other.update_runs(("r1",), RunChanges(tags={"a": "1"}))
        written.set()

    def write_beside() -> None:
        threading.Thread(target=write, daemon=True).start()
        assert written.wait(10), "the lock for writing is held"

    while_preparing(monkeypatch, iter([write_beside]))
    store.append([make_slice("j1", 0, 1, [Entry("r1", "loss", 1.0)])])
    assert get_run(store, "r1").tags == {"a": "1"}
    assert native_series(get_series(store, "r1")).values.tolist() == [1.0]


@pytest.mark.parametrize("times", range(1, backend.TRIES + 1))
@pytest.mark.parametrize("which", ["store", "other"])
def test_points_that_another_process_stores_concurrently_get_the_earlier_positions(
    store: SqlBackend, other: SqlBackend, monkeypatch: pytest.MonkeyPatch, times: int, which: str
) -> None:
    """The same store may write too, because a signal handler can interrupt the preparation."""
    create_run(store, RunRecord("r1", "0"))
    writer = {"store": store, "other": other}[which]
    values = [float(number) for number in range(times)]

    def log(value: float) -> None:
        with monkeypatch.context() as within:
            within.setattr(series, "prepare", original)
            writer.log("r1", "loss", value, 1)

    original = series.prepare
    while_preparing(monkeypatch, iter([lambda value=value: log(value) for value in values]))  # type: ignore[misc]
    store.append([make_slice("j1", 0, 1, [Entry("r1", "loss", 100.0), Entry("r1", "loss", 101.0, time=1)])])
    found = native_series(get_series(store, "r1"))
    assert found.values.tolist() == [*values, 100.0, 101.0]
    assert found.steps.tolist() == list(range(times + 2))
    assert get_run(store, "r1").latest["loss"].step == times + 1


def test_a_slice_that_another_process_stores_concurrently_is_stored_once(
    store: SqlBackend, other: SqlBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_run(store, RunRecord("r1", "0"))
    pieces = [make_slice("j1", 0, 1, [Entry("r1", "loss", 1.0)]), make_slice("j1", 1, 2, [Entry("r1", "loss", 2.0)])]
    while_preparing(monkeypatch, iter([lambda: other.append(pieces[:1])]))
    assert store.append(pieces) == {"j1": 2}
    assert native_series(get_series(store, "r1")).values.tolist() == [1.0, 2.0]


def test_a_receipt_that_another_process_has_advanced_is_not_moved_back(
    store: SqlBackend, other: SqlBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slices without points change only receipts."""
    while_preparing(monkeypatch, iter([lambda: other.append([make_slice("j1", 0, 9, []), make_slice("j2", 0, 9, [])])]))
    with pytest.raises(InvalidState):
        store.append([make_slice("j1", 0, 5, []), make_slice("j2", 0, 20, [])])
    assert store.get_receipts(["j1", "j2"]) == {"j1": 9, "j2": 9}


def test_points_of_a_run_that_is_purged_concurrently_are_dropped_and_counted(
    store: SqlBackend, other: SqlBackend, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store.create_runs([RunRecord("r1", "0"), RunRecord("r2", "0")])
    while_preparing(monkeypatch, iter([lambda: other.purge_runs(["r1"])]))
    store.append([make_slice("j1", 0, 1, [Entry("r1", "loss", 1.0), Entry("r2", "loss", 2.0)])])
    create_run(store, RunRecord("r1", "0"))
    assert "1 points were dropped" in caplog.text
    assert get_series(store, "r1") == []
    assert native_series(get_series(store, "r2")).values.tolist() == [2.0]


# The bounds of one append


def log_many_keys(writers: Sequence[JournaledStore], keys: Sequence[str] = MANY_KEYS) -> None:
    """Log each key twice, the second time from another process."""
    for number, key in enumerate([*keys, *keys]):
        writers[number % 3].log("r1", key, float(number), 1)


def log_wide_rows(writers: Sequence[JournaledStore]) -> None:
    """Log rows. Their columns are defined before them, so a fold meets stretches without a point."""
    for number in range(3000):
        writers[number % 3].log("r1", f"key {number % 50}", float(number), 1)
        if number % 1000 == 500:
            cells = [Point("wide", 1.0, 1, None, COLUMN, f"c{number} {n}", n > 0) for n in range(bounds.MOST_SERIES)]
            writers[1].log_points("r1", cells)


@pytest.fixture
def three(tmp_path: Path, untended: None) -> Iterator[list[JournaledStore]]:
    """Return the stores of a workspace without background folds, and a run."""
    writers = [JournaledStore(open_sqlite(tmp_path / "workspace.db"), tmp_path / "journal") for _ in range(3)]
    create_run(writers[0], RunRecord("r1", "0"))
    yield writers
    for writer in writers:
        writer.close()


@pytest.mark.slow
def test_a_fold_stores_few_series_at_once(
    tmp_path: Path, three: list[JournaledStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The positions of points are correct across all appends and journals."""
    log_many_keys(three)
    own = {journal.stem for journal in (tmp_path / "journal").glob("*.log")}
    appended = []
    append = SqlBackend.append

    def counted_append(self: SqlBackend, slices: Sequence[Slice]) -> dict[str, int]:
        if own.issuperset(piece.journal_id for piece in slices):  # background folds of other stores append too
            appended.append(sum(len(piece.definitions) for piece in slices))
        return append(self, slices)

    monkeypatch.setattr(SqlBackend, "append", counted_append)
    assert len(own) == 3
    found = get_series(three[0], "r1")
    assert len(appended) >= 4 and max(appended) <= bounds.MOST_SERIES
    assert [record.key for record in found] == MANY_KEYS
    assert all(record.positions.tolist() == [0, 1] for record in found)
    assert [record.numbers.tolist() for record in found if record.numbers is not None] == [
        [float(number), float(number + len(MANY_KEYS))] for number in range(len(MANY_KEYS))
    ]


@pytest.mark.parametrize(
    ("log", "fold_bytes"),
    [(partial(log_many_keys, keys=MANY_KEYS[::4]), 1 << 13), (log_wide_rows, 1 << 16)],
    ids=["many keys", "wide rows"],
)
def test_a_fold_reads_each_byte_once(
    tmp_path: Path,
    three: list[JournaledStore],
    monkeypatch: pytest.MonkeyPatch,
    log: Callable[[Sequence[JournaledStore]], None],
    fold_bytes: int,
) -> None:
    monkeypatch.setattr(cuts, "LEAST_BYTES", fold_bytes)
    monkeypatch.setattr(cuts, "FOLD_BYTES", fold_bytes)
    log(three)
    parts: dict[str, list[tuple[int, int]]] = {}
    sizes = {journal.stem: journal.stat().st_size for journal in (tmp_path / "journal").glob("*.log")}
    read = JournalReader.read

    def recorded_read(self: JournalReader, *arguments: Any) -> Stretch:
        stretch = read(self, *arguments)
        if self.id in sizes:  # background folds of other stores read renewed leases
            parts.setdefault(self.id, []).append((stretch.start, stretch.end))
        return stretch

    monkeypatch.setattr(JournalReader, "read", recorded_read)
    get_series(three[0], "r1")
    assert len(sizes) == 3 and max(map(len, parts.values())) > 10
    for journal_id, size in sizes.items():
        begins, ends = zip(*parts[journal_id], strict=True)
        assert begins == (RECORDS_AT, *ends[:-1]) and ends[-1] == size


def test_a_read_does_not_fail_if_the_work_after_its_fold_cannot_be_done(
    three: list[JournaledStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """For example, another process may write for a long time. A later fold does the work."""
    tried = []

    def busy(self: SqlBackend) -> bool:
        tried.append(self)
        raise StoreUnavailable("workspace.db", "database is locked")

    monkeypatch.setattr(fold, "SWEEP_SECONDS", 0.0)
    three[0].log("r1", "loss", 0.5, 0)
    get_series(three[0], "r1")
    monkeypatch.setattr(SqlBackend, "tidy", busy)
    three[0].log("r1", "loss", 0.25, 1)

    assert len(get_series(three[0], "r1")[0].steps) == 2
    assert tried
