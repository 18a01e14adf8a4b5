"""No run loses its owner because a wall clock is set back, or differs on another machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bridge.journal import file
from bridge.records.run import SCRIPT_RUN, RunChanges, RunRecord
from bridge.store import fold
from bridge.store.journaled import JournaledStore
from bridge.store.one_run import get_run, get_series
from bridge.store.sql.sqlite import open_sqlite

HOUR = 3600 * 10**9


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Set the wall clock ahead by a number of nanoseconds."""
    now, ahead = time.time_ns, [0]
    monkeypatch.setattr(time, "time_ns", lambda: now() + ahead[0])

    def put(nanoseconds: int) -> None:
        ahead[0] = nanoseconds

    return put


@pytest.fixture
def stores(tmp_path: Path, untended: None) -> Iterator[list[JournaledStore]]:
    """The stores of the process that submits a run, of the process that executes it, and of a reader."""
    stores = [JournaledStore(open_sqlite(tmp_path / "workspace.db"), tmp_path / "journal") for _ in range(3)]
    yield stores
    for store in stores:
        store.close()


def submit_and_claim(stores: list[JournaledStore], set_clock: Callable[[int], None]) -> str:
    """Start a run while the clock is an hour ahead, claim it when the clock is right; return the owner's journal."""
    submitter, launcher, _ = stores
    set_clock(HOUR)
    submitter.begin_runs([RunRecord("r1", "0", status="Starting", type=SCRIPT_RUN)])
    submitter._writer.leases.renew()
    submitter.release_lease("r1")
    set_clock(0)
    launcher.claim_run("r1")
    launcher.update_runs(("r1",), RunChanges(status="Running"))
    return launcher._writer.journal_id


def test_a_launcher_owns_the_run_that_it_has_claimed(
    stores: list[JournaledStore], set_clock: Callable[[int], None]
) -> None:
    journal_id = submit_and_claim(stores, set_clock)
    assert [(lease.run_id, lease.journal_id) for lease in stores[2].get_leases()] == [("r1", journal_id)]


def test_a_launcher_keeps_its_run_over_the_end_of_a_journal(
    stores: list[JournaledStore], set_clock: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, launcher, reader = stores
    monkeypatch.setattr(file, "JOURNAL_BYTES", 1_000)
    first = submit_and_claim(stores, set_clock)
    for value in range(100):
        launcher.log("r1", "loss", float(value), 1)
    launcher.tend()  # write the leases to the new journal, and fold them
    launcher.tend()  # end the old journals
    monkeypatch.setattr(fold, "SWEEP_SECONDS", 0.0)
    get_series(reader, "r1")
    get_series(reader, "r1")
    last = launcher._writer.journal_id
    assert first not in {path.stem for path in launcher._folder.glob("*.log")}
    assert [(lease.run_id, lease.journal_id) for lease in reader.get_leases()] == [("r1", last)]
    assert get_run(reader, "r1").status == "Running"
    launcher.update_runs(("r1",), RunChanges(status="Completed"))
    assert get_run(reader, "r1").status == "Completed"
