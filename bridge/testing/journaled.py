"""The conformance suite of a store that writes points to a journal, and copies them from there into a backend."""

from __future__ import annotations

import pytest

from bridge.records.run import RunChanges, RunRecord
from bridge.store.journaled import JournaledStore
from bridge.store.one_run import get_run
from bridge.testing.backend import BackendTests
from bridge.testing.claims import wait


class JournaledStoreTests(BackendTests):
    """The tests of a backend, and tests in which this process owns runs.

    A subclass overrides two fixtures, `store` and `other`. Both are stores over the same inner backend and the same
    folder of journals.
    """

    def test_started_runs_are_owned_until_they_are_released_or_end(self, store: JournaledStore) -> None:
        made = store.begin_runs([RunRecord(run_id, "0", status="Running", start_time=1) for run_id in ("a", "b", "c")])
        assert made == list(store.get_runs(["a", "b", "c"]).values())
        assert held_in(store) == ["a", "b", "c"]
        store.hold_lease("b")
        store.release_lease("b")
        assert held_in(store) == ["a", "b", "c"]
        store.release_lease("b")
        store.update_runs(("c",), RunChanges(status="Completed"))
        assert held_in(store) == ["a"]
        assert {record.status for record in store.get_runs(["a", "b"]).values()} == {"Running"}

    def test_a_claim_without_a_lease_is_for_this_process(self, store: JournaledStore) -> None:
        wait(store)
        store.claim_run("r1")
        assert get_run(store, "r1", latest=False).status == "Preparing"
        assert held_in(store) == ["r1"]

    @pytest.mark.parametrize("run_id", ["r1", None])
    def test_other_readers_see_flushed_points(
        self, store: JournaledStore, other: JournaledStore, run: str, run_id: str | None
    ) -> None:
        store.log(run, "loss", 0.5, 1)
        store.flush(run_id)
        assert get_run(other, run).latest["loss"].value == 0.5


def held_in(store: JournaledStore) -> list[str]:
    """Return the ids of the runs that a process owns, that is, whose leases are held."""
    return [lease.run_id for lease in store.get_leases()]
