"""The index of searches has the latest value of each metric, except for runs that wait."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlite_steps import steps_of

from bridge.records.run import Lease, RunChanges, RunRecord
from bridge.records.series import COLUMN
from bridge.store.sql import waiting
from bridge.store.sql.backend import SqlBackend
from bridge.store.sql.sqlite import open_sqlite
from bridge.store.sql.waiting import WAIT_MILLISECONDS, index_some
from bridge.testing.slices import Entry, make_slice

NOW = 1_700_000_000_000


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqlBackend]:
    monkeypatch.setattr(time, "time_ns", lambda: NOW * 1_000_000)
    store = open_sqlite(tmp_path / "workspace.db")
    store.create_runs([RunRecord(run_id, "0", status="Running") for run_id in ("r1", "r2")])
    yield store
    store.close()


def append(store: SqlBackend, *entries: Entry) -> None:
    store.append([make_slice(str(time.monotonic_ns()), 0, 1, entries)])


def indexed(store: SqlBackend) -> dict[tuple[str, str], float]:
    with store.database.read() as c:
        rows = c.execute(
            "SELECT r.id, n.key, s.indexed FROM series s JOIN run r ON r.key = s.run JOIN name n ON n.id = s.name"
            " WHERE s.indexed IS NOT NULL"
        ).fetchall()
    return {(run_id, key): value for run_id, key, value in rows}


def waits(store: SqlBackend) -> list[str]:
    with store.database.read() as c:
        return [row[0] for row in c.execute("SELECT r.id FROM waiting w JOIN run r ON r.key = w.run").fetchall()]


def index_all(store: SqlBackend) -> None:
    while index_some(store.database, NOW + WAIT_MILLISECONDS):
        continue


def test_a_run_that_logs_is_indexed_after_a_while(store: SqlBackend) -> None:
    append(store, Entry("r1", "loss", 0.5), Entry("r1", "note", "a"), Entry("r1", "t", 1.0, column="x", kind=COLUMN))
    assert waits(store) == ["r1"]
    assert not index_some(store.database, NOW + WAIT_MILLISECONDS - 1)
    assert (indexed(store), waits(store)) == ({}, ["r1"])
    assert not index_some(store.database, NOW + WAIT_MILLISECONDS)
    assert (indexed(store), waits(store)) == ({("r1", "loss"): 0.5, ("r1", "t"): 1.0}, [])


def test_a_run_that_has_ended_is_indexed_at_once(store: SqlBackend) -> None:
    append(store, Entry("r1", "loss", 0.5), Entry("r2", "loss", 0.25))
    store.update_runs(("r2",), RunChanges(status="Completed"))
    assert (indexed(store), waits(store)) == ({("r2", "loss"): 0.25}, ["r1"])
    append(store, Entry("r2", "loss", 0.125, 1))
    assert (indexed(store), waits(store)) == ({("r2", "loss"): 0.125}, ["r1"])


def test_a_run_whose_owner_is_gone_is_indexed(store: SqlBackend) -> None:
    store.create_runs([RunRecord("r3", "0", status="Running")], [Lease("r3", "owner", 1)])
    append(store, Entry("r3", "loss", 0.5))
    assert store.end_leases({"owner": 7}) == ["r3"]
    assert not index_some(store.database, NOW)
    assert (indexed(store), waits(store)) == ({("r3", "loss"): 0.5}, [])


def test_only_a_run_whose_latest_value_changes_waits(store: SqlBackend) -> None:
    append(store, Entry("r1", "loss", 0.5, 7), Entry("r1", "note", "a"))
    assert not index_some(store.database, NOW + WAIT_MILLISECONDS)
    append(store, Entry("r1", "loss", 0.25, 6), Entry("r1", "note", "b"), Entry("r1", "loss", 0.5, 8))
    assert waits(store) == []
    append(store, Entry("r1", "loss", 0.75, 9))
    assert (indexed(store), waits(store)) == ({("r1", "loss"): 0.5}, ["r1"])


def test_a_run_waits_from_its_first_change(store: SqlBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    append(store, Entry("r1", "loss", 0.5))
    monkeypatch.setattr(time, "time_ns", lambda: (NOW + 20_000) * 1_000_000)
    append(store, Entry("r1", "loss", 0.25))
    assert not index_some(store.database, NOW + WAIT_MILLISECONDS)
    assert waits(store) == []


def test_nan_and_infinities_are_indexed_as_numbers(store: SqlBackend) -> None:
    values = {"nan": math.nan, "inf": math.inf, "minus": -math.inf, "zero": -0.0}
    append(store, *(Entry("r1", key, value) for key, value in values.items()))
    assert not index_some(store.database, NOW + WAIT_MILLISECONDS)
    big = 1.7976931348623157e308
    assert {key: value for (_, key), value in indexed(store).items()} == {
        "nan": math.inf, "inf": big, "minus": -big, "zero": 0.0,
    }  # fmt: skip


def test_one_transaction_indexes_few_series(store: SqlBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "ROWS_AT_ONCE", 10)
    append(store, *(Entry("r1", f"k{number}", 1.0) for number in range(25)), Entry("r2", "k0", 2.0))
    counts = []
    while index_some(store.database, NOW + WAIT_MILLISECONDS):
        counts.append(len(indexed(store)))
    assert counts == [10, 20]
    assert (len(indexed(store)), waits(store)) == (26, [])
    append(store, *(Entry("r1", f"k{number}", 2.0, 1) for number in range(25)))
    store.update_runs(("r1",), RunChanges(status="Completed"))
    assert (sum(value == 2.0 for value in indexed(store).values()), waits(store)) == (11, ["r1"])


def test_a_value_that_changes_between_two_steps_is_indexed(store: SqlBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "ROWS_AT_ONCE", 2)
    append(store, *(Entry("r1", f"k{number}", 1.0) for number in range(5)))
    assert index_some(store.database, NOW + WAIT_MILLISECONDS)
    append(store, Entry("r1", "k0", 2.0, 1))
    while index_some(store.database, NOW + WAIT_MILLISECONDS):
        assert waits(store) == ["r1"]
    assert (indexed(store)["r1", "k0"], waits(store)) == (2.0, [])


def test_the_steps_of_a_wide_run_do_not_read_all_its_series(store: SqlBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "ROWS_AT_ONCE", 10)
    steps = []
    for run_id, count in (("r1", 100), ("r2", 800)):
        append(store, *(Entry(run_id, f"k{number}", 1.0) for number in range(count)))
        steps.append(steps_of(store, lambda: index_all(store)))
        assert waits(store) == []
    assert steps[1] < 12 * steps[0]
