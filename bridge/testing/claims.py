"""The conformance suite for claiming a run that waits for a launcher: only one launcher may become its owner.

If no launcher claims the run, the run fails.
"""

from __future__ import annotations

import json
import threading
from dataclasses import replace

import pytest

from bridge.errors import InvalidState, NotFound
from bridge.records.limits import LEASE_SECONDS
from bridge.records.run import CLAIMABLE_STATUSES, OPEN_STATUSES, SCRIPT_RUN, Lease, RunChanges, RunRecord, Status
from bridge.store.backend import Backend
from bridge.store.one_run import create_run, get_run
from bridge.store.slices import LeaseRecord
from bridge.testing.lease_records import store_leases

LONG = LEASE_SECONDS * 1000 + 1
"""The time after which a run that no launcher has claimed fails, in milliseconds."""


def wait(store: Backend, run_id: str = "r1", status: Status = "Queued", time: int = 1_000) -> RunRecord:
    """Create a submitted run that waits for a launcher. No process owns the run."""
    return create_run(store, RunRecord(run_id, "0", status=status, start_time=time, type=SCRIPT_RUN))


class ClaimPromises:
    """The tests of claims, which `LeaseStoreTests` inherits. Each test checks one promise of the interface."""

    @pytest.mark.parametrize("status", CLAIMABLE_STATUSES)
    def test_a_run_that_waits_is_claimed_with_its_lease(self, store: Backend, status: Status) -> None:
        before = wait(store, status=status)
        store.claim_run("r1", Lease("r1", "j1", 2_000))
        assert get_run(store, "r1") == replace(before, status="Preparing")
        assert store.get_leases() == [Lease("r1", "j1", 2_000)]

    @pytest.mark.parametrize("status", sorted({*OPEN_STATUSES, "Completed"} - {*CLAIMABLE_STATUSES}))
    def test_a_run_that_is_claimed_or_has_ended_is_not_claimed(self, store: Backend, status: Status) -> None:
        before = wait(store, status=status)
        with pytest.raises(InvalidState, match=status):
            store.claim_run("r1", Lease("r1", "j1", 2_000))
        assert (get_run(store, "r1"), store.get_leases()) == (before, [])

    def test_a_run_is_claimed_once(self, store: Backend) -> None:
        wait(store)
        store.claim_run("r1", Lease("r1", "j1", 2_000))
        with pytest.raises(InvalidState, match="Preparing"):
            store.claim_run("r1", Lease("r1", "j2", 3_000))
        assert store.get_leases() == [Lease("r1", "j1", 2_000)]

    def test_a_run_that_has_ended_once_cannot_be_claimed_with_any_status(self, store: Backend) -> None:
        wait(store)
        store.update_runs(("r1",), RunChanges(status="Completed", end_time=2_000))
        store.update_runs(("r1",), RunChanges(status="NotStarted"))
        with pytest.raises(InvalidState):
            store.claim_run("r1", Lease("r1", "j1", 3_000))
        assert store.end_unclaimed(3_000 + LONG) == []

    def test_one_of_many_concurrent_claims_of_a_run_succeeds(self, store: Backend) -> None:
        wait(store)
        won: list[int] = []

        def claim(number: int) -> None:
            try:
                store.claim_run("r1", Lease("r1", f"j{number}", 2_000))
            except InvalidState:
                return
            won.append(number)

        threads = [threading.Thread(target=claim, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.get_leases() == [Lease("r1", f"j{number}", 2_000) for number in won]
        assert len(won) == 1

    def test_only_a_run_of_a_script_is_claimed(self, store: Backend) -> None:
        create_run(store, RunRecord("r1", "0", start_time=1_000))
        with pytest.raises(InvalidState, match="not the run of a script"):
            store.claim_run("r1", Lease("r1", "j1", 2_000))
        with pytest.raises(NotFound):
            store.claim_run("r2", Lease("r2", "j1", 2_000))
        wait(store, "r3")
        store.delete_runs(("r3",), 1_500)
        with pytest.raises(InvalidState, match="deleted"):
            store.claim_run("r3", Lease("r3", "j1", 2_000))
        assert store.get_leases() == []

    def test_a_claim_takes_the_lease_from_the_process_that_created_the_run(self, store: Backend) -> None:
        record = RunRecord("r1", "0", status="Starting", start_time=1_000, type=SCRIPT_RUN)
        store.create_runs([record], [Lease("r1", "j1", 5_000)])
        # The claiming process has a slower clock than the process that created the run.
        store.claim_run("r1", Lease("r1", "j2", 2_000))
        (lease,) = store.get_leases()
        assert lease.journal_id == "j2" and lease.time > 5_000
        # The first process wrote lease records before the claim. These records are stored after the claim.
        store_leases(store, "j1", LeaseRecord("r1", 5_001, True), LeaseRecord("r1", 5_001, False))
        assert store.get_leases() == [lease]
        assert store.end_leases({"j1": 6_000}) == []

    def test_an_unclaimed_run_fails_with_the_reason(self, store: Backend) -> None:
        wait(store)
        wait(store, "claimed")
        wait(store, "later", time=2_000)
        create_run(store, RunRecord("plain", "0", status="NotStarted", start_time=1_000))
        create_run(store, RunRecord("without", "0", status="Queued", type=SCRIPT_RUN))
        store.claim_run("claimed", Lease("claimed", "j1", 1_000))
        now = 1_000 + LONG
        assert store.end_unclaimed(now - 1) == []
        assert store.end_unclaimed(now) == ["r1"]
        run = get_run(store, "r1")
        assert (run.status, run.end_time) == ("Failed", now)
        assert json.loads(run.error or "")["code"] == "NeverStarted"
        statuses = {record.id: record.status for record in store.get_runs(["claimed", "later", "plain"]).values()}
        assert statuses == {"claimed": "Preparing", "later": "Queued", "plain": "NotStarted"}
        assert store.end_unclaimed(now) == []
        with pytest.raises(InvalidState, match="Failed"):
            store.claim_run("r1", Lease("r1", "j2", now))

    def test_a_waiting_run_does_not_fail_while_its_lease_is_held_or_was_held_lately(self, store: Backend) -> None:
        records = [RunRecord(run_id, "0", status="Starting", start_time=1_000, type=SCRIPT_RUN) for run_id in "ab"]
        store.create_runs(records, [Lease(run_id, "j1", 1_000) for run_id in "ab"])
        store_leases(store, "j1", LeaseRecord("b", 2_000, True), LeaseRecord("b", 2_000, False))
        assert store.end_unclaimed(1_000 + LONG) == []
        assert store.end_unclaimed(2_000 + LONG) == ["b"]
        assert get_run(store, "a").status == "Starting"

    def test_an_unclaimed_deleted_run_stays_unchanged(self, store: Backend) -> None:
        wait(store)
        store.delete_runs(("r1",), 2_000)
        assert store.end_unclaimed(1_000 + LONG) == []
        store.restore_runs(("r1",))
        assert store.end_unclaimed(1_000 + LONG) == ["r1"]
