"""A purge leaves no row. Other processes can write between its slices, and an interrupted purge can be resumed."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlite_steps import steps_of

from bridge.errors import NotFound
from bridge.records.run import RunChanges, RunRecord
from bridge.records.search import ExperimentQuery, RunQuery
from bridge.store.create import create_store
from bridge.store.one_run import create_run, get_run, get_series
from bridge.store.open import open_store, restore_default_experiment
from bridge.store.sql import purge, seal
from bridge.store.sql.backend import SqlBackend
from bridge.store.sql.sqlite import open_sqlite
from bridge.store.sql.statements import AT_ONCE
from bridge.testing.slices import Entry, make_slice
from bridge.testing.tracking_purge import fill

BLOCKS = 60
SLOW_PURGE = """
import sys
from pathlib import Path
from bridge.store.sql import purge, seal
from bridge.store.sql.sqlite import open_sqlite
purge.POINTS_AT_ONCE, purge.PAUSE_SECONDS = 1, 0.05
open_sqlite(Path(sys.argv[1])).purge_runs(["gone"])
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "workspace.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqlBackend]:
    store = open_sqlite(path)
    yield store
    store.close()


def log_in_blocks(store: SqlBackend, run_id: str) -> None:
    """Append points, each in a block of its own."""
    for start in range(BLOCKS):
        store.append([make_slice(f"j-{run_id}", start, start + 1, [Entry(run_id, "loss", float(start))])])


def count_of(path: Path, table: str, where: str = "1 = 1") -> int:
    with closing(sqlite3.connect(path)) as raw:
        return int(raw.execute(f"SELECT count(*) FROM {table} WHERE {where}").fetchone()[0])


def test_no_row_of_a_run_is_left(store: SqlBackend, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal, "FEW_BLOCKS", 0)  # also seal series with few points
    with closing(sqlite3.connect(path)) as raw:
        tables = [row[0] for row in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    before = {table: count_of(path, table) for table in tables}
    fill(store, "gone")
    grown = {table for table in tables if count_of(path, table) > before[table]}
    store.update_runs(["gone"], RunChanges(status="Completed"))
    grown |= {table for table in tables if count_of(path, table) > before[table]}
    while store.tidy():
        pass
    grown |= {table for table in tables if count_of(path, table) > before[table]}
    assert grown >= {"run", "lease", "counter", "series", "point_block", "chunk", "artifact", *purge.DETAILS}
    store.log("gone", "loss", 1.0, 5)
    store.purge_runs(["gone"])
    left = {table for table in tables if count_of(path, table) > before[table]}
    assert left == {"dataset", "past_use", "name", "removal"}


def test_no_row_of_an_experiment_is_left(store: SqlBackend, path: Path) -> None:
    before = dumped(path)
    experiment = store.create_experiment("a", 1, tags={"t": "1"}).id
    fill(store, "r1", experiment)
    fill(store, "r2", experiment)
    store.purge_runs(["r1"])
    store.delete_experiment(experiment, 2)
    store.purge_experiment(experiment)
    assert dumped(path) == before


def dumped(path: Path) -> list[str]:
    """Return the content of a database, except names, which are never removed, and the list of what was removed."""
    with closing(sqlite3.connect(path)) as raw:
        kept = tuple(f'INSERT INTO "{table}"' for table in ("name", "removal", "change"))
        return [line for line in raw.iterdump() if not line.startswith(kept)]


def test_others_can_write_between_the_slices(store: SqlBackend, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purge, "POINTS_AT_ONCE", 1)
    fill(store, "gone")
    log_in_blocks(store, "gone")
    create_run(store, RunRecord("other", "0"))
    other = open_sqlite(path)
    done, written = threading.Event(), list[Any]()

    def write() -> None:
        while not done.is_set():
            other.update_runs(("other",), RunChanges(tags={"n": str(len(written))}))
            written.append(count_of(path, "run", f"experiment = {purge.BIN}"))

    writer = threading.Thread(target=write)
    writer.start()
    store.purge_runs(["gone"])
    done.set()
    writer.join()
    other.close()
    assert sum(written) > BLOCKS / 4  # written while a part of the run still existed
    assert count_of(path, "run") == 1


@pytest.mark.slow
@pytest.mark.parametrize("what", ["runs", "experiment"])
def test_a_purge_is_linear_in_the_runs_and_keys_that_it_removes(store: SqlBackend, path: Path, what: str) -> None:
    """Eight times as much may cost ten times as much. A search through the removed rows would cost sixty times."""
    costs = []
    for count in (600, 4800):
        experiment = store.create_experiment(f"of {count}", 1).id
        run_ids = [f"r-{count}-{number}" for number in range(count)]
        store.create_runs([RunRecord(run_id, experiment) for run_id in run_ids])
        entries = [Entry(run_id, f"k{number % 7}", 1.0) for number, run_id in enumerate(run_ids)]
        entries += [Entry(run_ids[0], f"k{number}", 1.0) for number in range(count)]
        store.append([make_slice(f"of {count}", 0, 1, entries)])
        store.delete_experiment(experiment, 2)
        purges: dict[str, Callable[[], None]] = {
            "runs": lambda run_ids=run_ids: store.purge_runs(run_ids),  # type: ignore[misc]
            "experiment": lambda experiment=experiment: store.purge_experiment(experiment),  # type: ignore[misc]
        }
        costs.append(steps_of(store, purges[what]))
        assert [count_of(path, table) for table in ("run", "counter", "series", "point_block")] == [0, 0, 0, 0]
    assert costs[1] < 10 * costs[0]


@pytest.mark.parametrize("what", ["runs", pytest.param("experiment", marks=pytest.mark.slow)])
def test_one_transaction_of_a_purge_removes_few_runs_rows_and_blocks(
    store: SqlBackend, path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(purge, "ROWS_AT_ONCE", 100)
    experiment = store.create_experiment("a", 1).id
    run_ids = [f"r{number}" for number in range(2 * AT_ONCE)]
    store.create_runs([RunRecord(run_id, experiment, tags={"a": "1"}) for run_id in run_ids])
    for number in range(300):
        store.append([make_slice("j1", number, number + 1, [Entry("r0", "loss", 1.0)])])
    store.delete_experiment(experiment, 2)
    changes = []
    write = store.database.write

    @contextmanager
    def counted_write() -> Iterator[sqlite3.Connection]:
        with write() as connection:
            before = connection.total_changes
            yield connection
            changes.append(connection.total_changes - before)

    monkeypatch.setattr(store.database, "write", counted_write)
    store.purge_runs(run_ids) if what == "runs" else store.purge_experiment(experiment)
    assert count_of(path, "run") == 0
    assert max(changes) <= 3 * AT_ONCE + 10 and len(changes) >= 2 + 3


def test_a_killed_purge_leaves_nothing_visible_and_the_next_purge_completes_it(store: SqlBackend, path: Path) -> None:
    fill(store, "gone")
    log_in_blocks(store, "gone")
    blocks = count_of(path, "point_block")
    killed = subprocess.Popen([sys.executable, "-c", SLOW_PURGE, str(path)])
    deadline = time.monotonic() + 60
    while count_of(path, "point_block") == blocks and time.monotonic() < deadline:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert 0 < count_of(path, "point_block") < blocks
    with pytest.raises(NotFound):
        get_run(store, "gone")
    assert store.search_runs(RunQuery(("0", "-1"), view="all")).items == ()
    assert store.search_runs(RunQuery((), view="all", below="r1")).items == ()
    assert [one.id for one in store.search_experiments(ExperimentQuery(view="all")).items] == ["0"]
    assert store.find_experiment("") is None
    assert store.get_leases() == []
    store.delete_experiment("0", 1)
    store.restore_experiment("0", 2)
    assert create_run(store, RunRecord("gone", "0")).number == 2
    store.resume_purge()
    assert (count_of(path, "point_block"), count_of(path, "series"), count_of(path, "counter")) == (0, 0, 0)
    assert get_run(store, "gone").number == 2
    assert count_of(path, "run") == 1


def test_experiment_0_is_recreated_when_the_workspace_is_opened_next(store: SqlBackend, path: Path) -> None:
    store.delete_experiment("0", 1)
    open_sqlite(path).close()
    assert store.get_experiment("0").lifecycle_stage == "deleted"
    store.purge_experiment("0")
    open_sqlite(path, read_only=True).close()
    assert store.find_experiment("Default") is None
    open_sqlite(path).close()
    again = store.get_experiment("0")
    assert (again.name, again.lifecycle_stage) == ("Default", "active")


def test_experiment_0_is_not_recreated_while_another_one_has_its_name(store: SqlBackend, path: Path) -> None:
    store.delete_experiment("0", 1)
    store.purge_experiment("0")
    assert store.create_experiment("Default", 2).id == "1"
    open_sqlite(path).close()
    with pytest.raises(NotFound):
        store.get_experiment("0")


def test_a_process_that_has_the_workspace_open_can_recreate_experiment_0(tmp_path: Path) -> None:
    opened = create_store(tmp_path / "work", "work")
    opened.tracking.delete_experiment("0", 1)
    opened.tracking.purge_experiment("0")
    assert open_store(tmp_path / "work").tracking.find_experiment("Default") is None
    restore_default_experiment(opened)
    assert opened.tracking.get_experiment("0").lifecycle_stage == "active"


def test_journaled_points_of_a_purged_run_do_not_reach_a_later_run_with_its_id(tmp_path: Path) -> None:
    tracking = create_store(tmp_path / "work", "work").tracking
    create_run(tracking, RunRecord("r1", "0"))
    tracking.log("r1", "loss", 1.0, 1)
    tracking.purge_runs(["r1"])
    with pytest.raises(NotFound):
        tracking.log("r1", "loss", 2.0, 1)
    create_run(tracking, RunRecord("r1", "0"))
    assert get_series(tracking, "r1") == []


LOGS_ON = """
import sys, time
from bridge.store.open import open_store
tracking = open_store(sys.argv[1]).tracking
tracking.log("r1", "loss", 1.0, 1)
print("logged", flush=True)
sys.stdin.readline()
try:
    while True:
        tracking.log("r1", "loss", 2.0, 1)
        time.sleep(0.01)
except LookupError as error:
    print(type(error).__name__, flush=True)
"""


def test_a_process_that_keeps_logging_gets_an_error_within_seconds_and_its_points_are_dropped_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tracking = create_store(tmp_path / "work", "work").tracking
    create_run(tracking, RunRecord("r1", "0"))
    logging = subprocess.Popen(
        [sys.executable, "-c", LOGS_ON, str(tmp_path / "work")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert logging.stdout is not None and logging.stdout.readline() == "logged\n"
    tracking.purge_runs(["r1"])
    out, err = logging.communicate("go on\n", timeout=60)
    tracking.search_runs(RunQuery(("0",)))
    assert out == "NotFound\n"
    assert "points were dropped: their runs do not exist in this workspace or were purged" in err + caplog.text
    assert count_of(tmp_path / "work" / "workspace.db", "receipt") >= 1
