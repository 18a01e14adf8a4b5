"""Older versions stored times as MLflow's clients passed them. Every read of a run accepts such times."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from bridge import Experiment, Run, Workspace
from bridge.records.run import Lease
from bridge.records.search import Comparison, Ordering, RunQuery
from bridge.records.times import stored_time, utc
from bridge.store.one_run import get_run
from bridge.store.sql.backend import SqlBackend
from bridge.store.sql.database import Database

YEAR_2024 = 1_704_067_200_000
OLD = {
    "float": (1_704_067_200_000.75, YEAR_2024),
    "float text": ("1704067200000.75", YEAR_2024),
    "date": ("2024-01-01 00:00:00+00:00", YEAR_2024),
    "numpy.int64": (YEAR_2024.to_bytes(8, "little"), YEAR_2024),
    "numpy.int32": ((-5).to_bytes(4, "little", signed=True), -5),
    "word": ("yesterday", None),
    "infinity": (float("inf"), None),
    "large float": (1e300, None),
    "large text": ("1" * 400, None),
    "odd bytes": (b"123", None),
    "microseconds": (YEAR_2024 * 1000, YEAR_2024 * 1000),
    "greatest": (2**63 - 1, 2**63 - 1),
    "least": (-(2**63), -(2**63)),
    "nothing": (None, None),
}
"""Stored values, and the times that they are read as."""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Experiment(Workspace.create("work", path=tmp_path / "work"), "old").start_logging(snapshot_directory=None)


def store_times(run: Run, value: Any) -> None:
    run.tag("seen", "1")
    with sqlite3.connect(run.experiment.workspace.path / "workspace.db", isolation_level=None) as connection:
        connection.execute("UPDATE run SET start_time = ?, end_time = ? WHERE id = ?", (value, value, run.id))
    connection.close()


@pytest.mark.parametrize("kind", OLD)
def test_a_run_with_an_old_time_is_read_and_ended(run: Run, kind: str) -> None:
    stored, read = OLD[kind]
    store_times(run, stored)
    record = run.place.record()
    assert (record.start_time, record.end_time) == (read, read)
    details = run.get_details()
    assert (details.get("startTimeUtc") is None) == (read is None)
    assert [found.id for found in run.experiment.get_runs(tags="seen")] == [run.id]
    clauses = (Comparison("attribute", "start_time", ">=", 0),)
    tracking = run.place.stores.tracking
    for order in (("start_time", True), ("end_time", False)):
        tracking.search_runs(RunQuery((run.experiment.id,), clauses, (Ordering("attribute", *order),)))
    run.complete()
    assert run.wait_for_completion()["status"] == "Completed"
    target = Workspace.create("target", path=run.experiment.workspace.path.parent / "target")
    assert run.experiment.workspace.deliver(target) == [run.id]
    assert target.get_run(run.id).place.record().start_time == read


@pytest.mark.parametrize("kind", OLD)
def test_a_run_with_an_old_time_whose_owner_is_gone_fails_and_blocks_no_reader(tmp_path: Path, kind: str) -> None:
    ws = Workspace.create("work", path=tmp_path / "work")
    run = Experiment(ws, "old").start_logging(snapshot_directory=None)
    store_times(run, OLD[kind][0])
    store = SqlBackend(Database(ws.path / "workspace.db"))
    (lease,) = store.get_leases()
    assert isinstance(lease, Lease)
    assert store.end_leases({lease.journal_id: lease.time + 5}) == [run.id]
    record = get_run(store, run.id)
    assert record.status == "Failed" and record.error is not None
    assert datetime.now().strftime("owner gone since %Y") in record.error
    store.close()


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [
        (0, ("1970-01-01T00:00:00", 0)),
        (-1, ("1969-12-31T23:59:59", 999)),
        (253_402_300_799_999, ("9999-12-31T23:59:59", 999)),
        (253_402_300_800_000, ("+10000-01-01T00:00:00", 0)),
        (YEAR_2024 * 1000 + 7, ("+55969-09-28T00:00:00", 7)),
        (2**63 - 1, ("+292278994-08-17T07:12:55", 807)),
        (-(2**63), ("-292275055-05-16T16:47:04", 192)),
        (-62_167_219_200_000, ("0000-01-01T00:00:00", 0)),
    ],
)
def test_a_time_of_any_year_is_shown(milliseconds: int, shown: tuple[str, int]) -> None:
    assert utc(milliseconds) == shown


@pytest.mark.parametrize("milliseconds", range(-(10**13), 10**14, 999_999_999_937))
def test_a_time_in_pythons_range_of_years_is_shown_as_python_shows_it(milliseconds: int) -> None:
    from datetime import timezone

    date = datetime.fromtimestamp(milliseconds // 1000, timezone.utc)
    assert utc(milliseconds) == (date.isoformat()[:19], milliseconds % 1000)


def test_a_valid_time_is_read_unchanged() -> None:
    assert stored_time(5) == 5 and stored_time(None) is None and stored_time(True) == 1
