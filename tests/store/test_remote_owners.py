"""The owner of a run on another computer is judged by its deliveries to the server, and by no clock of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.journal.folder import JournalFolder
from bridge.records.limits import ABSENT_SECONDS, LEASE_SECONDS
from bridge.records.run import Lease, RunRecord
from bridge.store.backend import Backend
from bridge.store.journal_readers import JournalReaders
from bridge.store.lease_watch import LeaseWatch
from bridge.store.leases import delivered_slices
from bridge.store.one_run import create_run, get_run
from bridge.store.slices import LeaseRecord
from bridge.store.sql.sqlite import create_sqlite, open_sqlite
from bridge.testing.oracle.memory import MemoryStore
from bridge.testing.slices import make_slice

HOUR = 3600.0


class Clocks:
    """The clocks of this process, which a test sets: one that cannot be set back, and the wall clock, in seconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monotonic, self.wall = 1_000.0, 1_700_000_000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.monotonic)
        monkeypatch.setattr(time, "time_ns", lambda: int(self.wall * 1e9))

    def pass_by(self, seconds: float) -> None:
        self.monotonic += seconds
        self.wall += seconds

    @property
    def now(self) -> int:
        return int(self.wall * 1000)


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    return Clocks(monkeypatch)


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    if request.param == "memory":
        yield MemoryStore()
        return
    create_sqlite(tmp_path / "workspace.db", {"id": "0" * 32, "name": "remote"})
    backend = open_sqlite(tmp_path / "workspace.db")
    yield backend
    backend.close()


@pytest.fixture
def watch(store: Backend, tmp_path: Path) -> LeaseWatch:
    return new_watch(store, tmp_path)


def new_watch(store: Backend, tmp_path: Path) -> LeaseWatch:
    """Return the watch of a process that has just started, whose folder of journals is empty."""
    (tmp_path / "journal").mkdir(exist_ok=True)
    folder = JournalFolder(tmp_path / "journal")
    return LeaseWatch(store, folder, JournalReaders(folder, store, ""))


def start(store: Backend, clocks: Clocks, run_id: str = "r1", journal_id: str = "j1") -> None:
    """Create a run whose owner is a client."""
    record = RunRecord(run_id, "0", status="Running", start_time=clocks.now)
    store.create_runs([record], [Lease(run_id, journal_id, clocks.now, 50, clocks.now)])


def deliver(store: Backend, clocks: Clocks, *records: LeaseRecord, journal_id: str = "j1") -> None:
    """Deliver the next part of a journal."""
    at = store.get_receipts([journal_id]).get(journal_id, 0)
    piece = replace(make_slice(journal_id, at, at + 1, []), leases=records, boot_time=60 + at)
    store.append(delivered_slices([piece], clocks.now))


def status(store: Backend, run_id: str = "r1") -> str:
    return get_run(store, run_id).status


def look_once(watch: LeaseWatch) -> bool:
    """Watch the leases as a read of a status does. Return whether a status may have changed."""
    if not watch.seems_over():
        return False
    watch.end_lost()
    return True


def test_an_owner_is_alive_although_its_journal_is_not_in_the_folder(store, watch, clocks):
    start(store, clocks)
    for _ in range(100):
        assert not look_once(watch)
        clocks.pass_by(LEASE_SECONDS - 1)
        deliver(store, clocks)
    assert status(store) == "Running"


def test_a_lease_of_the_folder_ends_with_its_journal_file(store, watch, clocks):
    start(store, clocks)
    store.create_runs([RunRecord("local", "0", status="Running")], [Lease("local", "j2", 5, 50)])
    assert look_once(watch)
    assert (status(store, "local"), status(store)) == ("Failed", "Running")


def test_a_silent_owner_does_not_respond_until_it_delivers_again(store, watch, clocks):
    start(store, clocks)
    assert not look_once(watch)
    clocks.pass_by(LEASE_SECONDS + 1)
    assert look_once(watch)
    assert status(store) == "NotResponding"
    assert not look_once(watch)  # the same silence changes nothing, so a read of a status needs no fold
    clocks.pass_by(HOUR)
    deliver(store, clocks, LeaseRecord("r1", clocks.now, True))
    assert status(store) == "Running"
    assert not look_once(watch)
    clocks.pass_by(LEASE_SECONDS + 1)
    assert look_once(watch)
    assert status(store) == "NotResponding"


def test_a_server_that_was_away_does_not_count_that_time(store, watch, clocks, tmp_path):
    start(store, clocks)
    assert not look_once(watch)
    clocks.pass_by(HOUR)
    restarted = new_watch(store, tmp_path)
    assert not look_once(restarted)
    clocks.pass_by(LEASE_SECONDS - 1)
    assert not look_once(restarted)
    assert status(store) == "Running"
    clocks.pass_by(2)
    assert look_once(restarted)
    assert status(store) == "NotResponding"


def test_an_owner_is_gone_after_a_week_of_silence_and_comes_back_with_a_delivery(store, watch, clocks):
    start(store, clocks)
    last = clocks.now
    assert not look_once(watch)
    clocks.pass_by(ABSENT_SECONDS - HOUR)
    look_once(watch)
    assert status(store) == "NotResponding"
    clocks.pass_by(2 * HOUR)
    assert look_once(watch)
    record = get_run(store, "r1")
    assert (record.status, record.end_time) == ("Failed", last)
    assert record.error and "OwnerGone" in record.error
    deliver(store, clocks, LeaseRecord("r1", clocks.now, True))
    record = get_run(store, "r1")
    assert (record.status, record.end_time, record.error) == ("Running", None, None)


def test_a_server_that_was_away_for_longer_than_a_week_waits_for_its_clients(store, clocks, tmp_path):
    start(store, clocks)
    clocks.pass_by(2 * ABSENT_SECONDS)
    watch = new_watch(store, tmp_path)
    assert not look_once(watch)
    assert status(store) == "Running"
    clocks.pass_by(LEASE_SECONDS - 1)
    deliver(store, clocks)
    assert not look_once(watch)
    clocks.pass_by(2)
    assert not look_once(watch)
    assert status(store) == "Running"


@pytest.mark.parametrize("step", [-24 * HOUR, 24 * HOUR])
def test_a_step_of_the_wall_clock_makes_no_owner_silent(store, watch, clocks, step):
    start(store, clocks)
    assert not look_once(watch)
    clocks.wall += step
    for _ in range(5):
        clocks.pass_by(LEASE_SECONDS - 1)
        deliver(store, clocks)
        assert not look_once(watch)
    assert status(store) == "Running"


def test_a_client_that_ends_the_runs_of_a_killed_process_ends_only_these(store, watch, clocks):
    start(store, clocks)
    start(store, clocks, "r2", "j2")
    assert store.end_leases({"j1": clocks.now}) == ["r1"]
    assert not look_once(watch)
    assert (status(store), status(store, "r2")) == ("Failed", "Running")


def test_a_lease_has_the_time_of_the_last_delivery(store, clocks):
    """The clock of the server may be set back. A slice without a time is one of a journal in the folder."""

    def delivered() -> dict[str, int]:
        return {lease.run_id: lease.delivered for lease in store.get_leases()}

    start(store, clocks)
    assert delivered() == {"r1": clocks.now}
    renewed = (LeaseRecord("r1", clocks.now + 1, True),)
    for at, (records, time_ms, known) in enumerate([((), 800, 800), ((), 0, 800), (renewed, 600, 600), ((), 601, 601)]):
        piece = replace(make_slice("j1", at, at + 1, []), leases=records)
        store.append(delivered_slices([piece], time_ms))
        assert delivered() == {"r1": known}
    create_run(store, RunRecord("r2", "0"))
    piece = replace(make_slice("j2", 0, 1, []), leases=(LeaseRecord("r2", 5, True),), boot_time=7)
    store.append(delivered_slices([piece], 9))
    assert delivered() == {"r1": 601, "r2": 9}
    assert {lease.run_id: lease.boot_time for lease in store.get_leases()} == {"r1": 50, "r2": 7}
