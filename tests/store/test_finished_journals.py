"""The end of a fold handles the journals of dead processes, and the runs that they owned."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bridge.journal.folder import JournalFolder
from bridge.records.run import RunRecord
from bridge.store.journaled import JournaledStore
from bridge.store.one_run import get_run
from bridge.store.sql.sqlite import open_sqlite


def log_and_be_killed(folder: Path, count: int) -> None:
    """Create `count` journals, each with a run that its process owned, and one journal without a run."""
    pid = os.fork()
    if pid == 0:
        try:
            path = folder / "workspace.db"
            stores = [JournaledStore(open_sqlite(path), folder / "journal") for _ in range(count + 1)]
            for number, store in enumerate(stores[:-1]):
                store.begin_runs([RunRecord(f"r{number}", "0", status="Running")])
                store.log(f"r{number}", "loss", float(number), 1)
            stores[-1].log("r0", "other", 1.0, 1)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)


def statements_of_a_fold(folder: Path, count: int) -> list[str]:
    """Return the statements that a fold executes while it finishes journals."""
    store = JournaledStore(open_sqlite(folder / "workspace.db"), folder / "journal")
    statements: list[str] = []
    get_run(store.inner, "r0")
    with store.inner.database.read() as connection:  # type: ignore[attr-defined]  # it is SQLite's
        connection.set_trace_callback(statements.append)
    found = store.get_series_of([f"r{number}" for number in range(count)])
    assert [len(records) for records in found.values()] == [2, *[1] * (count - 1)]
    ended = store.inner.get_runs(list(found))
    assert {record.status for record in ended.values()} == {"Failed"} and len(ended) == count
    assert list((folder / "journal").glob("*.log")) == [] and store.inner.get_leases() == []
    store.close()
    return statements


@pytest.mark.parametrize("what", ["lease", "listing"])
def test_leases_and_the_folder_are_read_as_often_for_many_journals_as_for_few(
    tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    listings = 0
    sizes = JournalFolder.sizes

    def counted(self: JournalFolder) -> dict[str, int]:
        nonlocal listings
        listings += self.path.is_relative_to(tmp_path)
        return sizes(self)

    monkeypatch.setattr(JournalFolder, "sizes", counted)
    counts = []
    for count in (2, 12):
        folder = tmp_path / str(count)
        folder.mkdir()
        log_and_be_killed(folder, count)
        listings = 0
        reads = [sql for sql in statements_of_a_fold(folder, count) if sql.startswith("SELECT") and "FROM lease" in sql]
        counts.append(listings if what == "listing" else len(reads))
    assert counts[0] == counts[1] > 0
