"""The conformance suite of leases: which process owns a run, and what happens to a run after its owner has ended.

A lease names the journal of the owner.
"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bridge.errors import AlreadyExists
from bridge.records.run import Lease, RunChanges, RunRecord
from bridge.store.backend import Backend
from bridge.store.one_run import create_run, get_run
from bridge.store.slices import LeaseRecord
from bridge.testing.slices import make_slice


def store_leases(store: Backend, journal_id: str, *records: LeaseRecord) -> None:
    """Store lease records. They are passed to the store as the next slice (part) of a journal."""
    start = store.get_receipts([journal_id]).get(journal_id, 0)
    store.append([replace(make_slice(journal_id, start, start + 1, []), leases=records)])


def start(store: Backend, run_id: str = "r1", journal_id: str = "j1", time: int = 1_000) -> RunRecord:
    """Create a Running run with a lease that names a journal."""
    record = RunRecord(run_id, "0", status="Running", start_time=time)
    return store.create_runs([record], [Lease(run_id, journal_id, time)])[0]


class LeasePromises:
    """The tests of leases, which `LeaseStoreTests` inherits. Each test checks one promise of the interface."""

    def test_a_run_is_created_with_its_lease(self, store: Backend) -> None:
        start(store)
        create_run(store, RunRecord("r2", "0"))
        assert store.get_leases() == [Lease("r1", "j1", 1_000)]

    def test_creating_an_existing_run_again_does_not_change_its_lease(self, store: Backend) -> None:
        record = RunRecord("r1", "0", status="Running", start_time=1_000)
        store.create_runs([record], [Lease("r1", "j1", 1_000)])
        store.create_runs([record], [Lease("r1", "j2", 2_000)])
        with pytest.raises(AlreadyExists):
            store.create_runs([replace(record, start_time=5)], [Lease("r1", "j3", 3_000)])
        assert store.get_leases() == [Lease("r1", "j1", 1_000)]

    def test_lease_records_are_stored_with_the_slices_of_a_journal(self, store: Backend, run: str) -> None:
        store_leases(store, "j1", LeaseRecord(run, 5, True), LeaseRecord("no", 5, True))
        assert store.get_leases() == [Lease(run, "j1", 5)]

    def test_the_later_of_two_lease_records_counts_in_any_order_of_arrival(self, store: Backend, run: str) -> None:
        store_leases(store, "j2", LeaseRecord(run, 7, True))
        store_leases(store, "j1", LeaseRecord(run, 5, True), LeaseRecord(run, 6, True))
        assert store.get_leases() == [Lease(run, "j2", 7)]
        store_leases(store, "j2", LeaseRecord(run, 9, True), LeaseRecord(run, 8, True))
        assert store.get_leases() == [Lease(run, "j2", 9)]

    def test_an_older_record_does_not_take_a_released_lease_again(self, store: Backend, run: str) -> None:
        store_leases(store, "j2", LeaseRecord(run, 5, True), LeaseRecord(run, 7, False))
        store_leases(store, "j1", LeaseRecord(run, 4, True))
        assert store.get_leases() == []
        assert store.end_leases({"j1": 9, "j2": 9}) == []
        store_leases(store, "j1", LeaseRecord(run, 8, True))
        assert store.get_leases() == [Lease(run, "j1", 8)]

    def test_only_the_journal_that_holds_a_lease_releases_it(self, store: Backend, run: str) -> None:
        store_leases(store, "j1", LeaseRecord(run, 5, True))
        store_leases(store, "j2", LeaseRecord(run, 6, True))
        store_leases(store, "j1", LeaseRecord(run, 7, False))
        assert store.get_leases() == [Lease(run, "j2", 6)]

    def test_a_lease_handed_to_another_journal_is_held_in_any_order_of_arrival(self, store: Backend, run: str) -> None:
        store_leases(store, "j1", LeaseRecord(run, 5, True), LeaseRecord(run, 7, False))
        assert store.get_leases() == []
        store_leases(store, "j2", LeaseRecord(run, 6, True))
        assert store.get_leases() == [Lease(run, "j2", 6)]

    @pytest.mark.parametrize("status", ["Completed", "Failed", "Canceled"])
    def test_a_run_that_has_ended_has_no_lease(self, store: Backend, status: str) -> None:
        start(store)
        store.update_runs(("r1",), RunChanges(status=status))  # type: ignore[arg-type]  # the string is a status
        assert store.get_leases() == []
        store_leases(store, "j1", LeaseRecord("r1", 9_000, True))
        assert store.get_leases() == []
        assert store.end_leases({"j1": 9_000}, {"j1"}) == []
        assert get_run(store, "r1").status == status

    def test_a_run_whose_owner_ended_fails_with_the_reason(self, store: Backend) -> None:
        before = start(store, "r1", "j1", 1_700_000_000_000)
        start(store, "r2", "j2")
        store.log("r1", "loss", 0.5, 1)
        assert store.end_leases({"j1": 1_700_000_060_000, "other": 1}) == ["r1"]
        record = get_run(store, "r1")
        error = json.loads(record.error or "")
        assert error["code"] == "OwnerGone"
        assert error["message"].startswith("owner gone since 2023-11-14 22:14:20 UTC: ")
        assert replace(record, error=None, latest={}) == replace(before, status="Failed", end_time=1_700_000_060_000)
        assert record.latest["loss"].value == 0.5
        assert store.get_leases() == [Lease("r2", "j2", 1_000)]
        assert store.end_leases({"j1": 1_700_000_060_000}) == []

    def test_a_failed_run_ends_no_earlier_than_the_last_lease_record_of_its_owner(self, store: Backend) -> None:
        start(store, time=5_000)
        store.end_leases({"j1": 0})
        assert get_run(store, "r1").end_time == 5_000

    def test_a_failed_run_ends_no_earlier_than_its_start(self, store: Backend) -> None:
        start(store)
        store.update_runs(("r1",), RunChanges(start_time=9_000))
        store.end_leases({"j1": 6_000})
        assert get_run(store, "r1").end_time == 9_000

    @pytest.mark.parametrize("status", ["NotStarted", "Preparing", "NotResponding", "CancelRequested", "Finalizing"])
    def test_a_run_of_any_open_status_fails_when_its_owner_ended(self, store: Backend, status: str) -> None:
        start(store)
        store.update_runs(("r1",), RunChanges(status=status))  # type: ignore[arg-type]  # the string is a status
        assert store.end_leases({"j1": 2_000}) == ["r1"]
        assert get_run(store, "r1").status == "Failed"

    def test_a_deleted_run_whose_owner_ended_fails_too(self, store: Backend) -> None:
        start(store)
        store.delete_runs(("r1",), 7)
        assert store.end_leases({"j1": 2_000}) == ["r1"]
        record = get_run(store, "r1")
        assert (record.status, record.lifecycle_stage, record.deletion_time) == ("Failed", "deleted", 7)

    def test_a_run_is_not_responding_while_its_owner_stores_no_lease_record(self, store: Backend) -> None:
        start(store)
        assert store.end_leases({}, {"j2"}) == []
        assert get_run(store, "r1").status == "Running"
        assert store.end_leases({}, {"j1", "j2"}) == ["r1"]
        assert store.end_leases({}, {"j1"}) == []
        record = get_run(store, "r1")
        assert (record.status, record.end_time, record.error) == ("NotResponding", None, None)
        store_leases(store, "j1", LeaseRecord("r1", 900, True), LeaseRecord("r1", 1_000, True))
        assert get_run(store, "r1").status == "NotResponding"
        store_leases(store, "j1", LeaseRecord("r1", 1_001, True))
        assert get_run(store, "r1").status == "Running"
        assert store.get_leases() == [Lease("r1", "j1", 1_001)]

    @pytest.mark.parametrize("journal_id", ["j1", "j2"])
    def test_a_run_that_was_failed_by_mistake_continues_with_its_owners_next_record(
        self, store: Backend, journal_id: str
    ) -> None:
        before = start(store)
        store.end_leases({"j1": 2_000})
        store_leases(store, journal_id, LeaseRecord("r1", 1_001, True))
        assert get_run(store, "r1") == before
        assert store.get_leases() == [Lease("r1", journal_id, 1_001)]
        assert store.end_leases({journal_id: 3_000}) == ["r1"]
        assert (get_run(store, "r1").status, get_run(store, "r1").end_time) == ("Failed", 3_000)

    @pytest.mark.parametrize(
        "records",
        [
            [LeaseRecord("r1", 1_000, True)],
            [LeaseRecord("r1", 1_001, False)],
            [LeaseRecord("r1", 1_001, True), LeaseRecord("r1", 1_002, False)],
        ],
        ids=["no later record", "released", "held and released"],
    )
    def test_a_failed_run_stays_failed_unless_a_later_record_holds_its_lease(
        self, store: Backend, records: list[LeaseRecord]
    ) -> None:
        start(store)
        store.end_leases({"j1": 2_000})
        failed = get_run(store, "r1")
        store_leases(store, "j1", *records)
        assert get_run(store, "r1") == failed
        assert store.get_leases() == []

    @pytest.mark.parametrize(
        "changes",
        [
            RunChanges(status="Failed", error='{"code": "ScriptFailed", "message": ""}'),
            RunChanges(status="Completed"),
            RunChanges(status="Canceled"),
            RunChanges(error="OwnerGone"),
            RunChanges(error='["OwnerGone"]'),
            RunChanges(error="[" * 100_000),
        ],
        ids=["failed otherwise", "completed", "canceled", "another error", "a list", "nested too deeply"],
    )
    def test_a_lease_record_does_not_continue_a_run_that_ended_in_another_way(
        self, store: Backend, changes: RunChanges
    ) -> None:
        start(store)
        store.end_leases({"j1": 2_000})
        store.update_runs(("r1",), changes)
        ended = get_run(store, "r1")
        store_leases(store, "j1", LeaseRecord("r1", 9_000, True))
        assert get_run(store, "r1") == ended
        assert store.get_leases() == []

    def test_a_lease_has_the_time_when_its_process_last_wrote(self, store: Backend, run: str) -> None:
        store.create_runs([RunRecord("r2", "0", status="Running")], [Lease("r2", "j1", 1_000, 50)])
        assert store.get_leases() == [Lease("r2", "j1", 1_000, 50)]
        for start, (records, boot_time, known) in enumerate(
            [((), 70, 70), ((), 60, 70), ((LeaseRecord("r2", 2_000, True),), 80, 80), ((), 0, 80)]
        ):
            store.append([replace(make_slice("j1", start, start + 1, []), leases=records, boot_time=boot_time)])
            assert [lease.boot_time for lease in store.get_leases()] == [known]
        store.append([replace(make_slice("j2", 0, 1, []), leases=(LeaseRecord(run, 5, True),), boot_time=7)])
        assert {lease.run_id: lease.boot_time for lease in store.get_leases()} == {run: 7, "r2": 80}

    @pytest.mark.parametrize("status", ["Preparing", "CancelRequested", "Finalizing"])
    def test_only_a_running_run_is_marked_as_not_responding(self, store: Backend, status: str) -> None:
        start(store)
        store.update_runs(("r1",), RunChanges(status=status))  # type: ignore[arg-type]  # the string is a status
        assert store.end_leases({}, {"j1"}) == []
        assert get_run(store, "r1").status == status

    def test_a_run_without_a_lease_is_not_changed(self, store: Backend) -> None:
        before = create_run(store, RunRecord("r1", "0", status="Running", start_time=1))
        assert store.end_leases({"j1": 2, "": 2}, {"j1", ""}) == []
        assert get_run(store, "r1") == before

    def test_get_active_runs_returns_the_active_ones(self, store: Backend) -> None:
        for run_id in ("a", "b", "c"):
            create_run(store, RunRecord(run_id, "0"))
        store.delete_runs(("b",), 1)
        store.update_runs(("c",), RunChanges(status="Completed"))
        assert store.get_active_runs(["a", "b", "c", "no", "a"]) == {"a", "c"}
        assert store.get_active_runs([]) == set()
