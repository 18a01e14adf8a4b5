"""Each write raises the counter of changes once, and stores its value with the runs and experiments that it changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bridge.records.artifact import ArtifactRecord
from bridge.records.run import Lease, RunChanges, RunRecord
from bridge.records.series import Point
from bridge.store.sql import changes
from bridge.store.sql.backend import SqlBackend
from bridge.store.sql.sqlite import open_sqlite
from bridge.testing.slices import Entry, make_slice

ENTRIES = (Entry("r1", "a", 1.0), Entry("r2", "b", "x"))
FILE = ArtifactRecord("a.txt", 1, None, 1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlBackend]:
    store = open_sqlite(tmp_path / "workspace.db")
    store.create_experiment("other", 1)
    store.create_runs([RunRecord(run_id, "1", status="Running") for run_id in ("r1", "r2")], [Lease("r1", "owner", 1)])
    store.create_runs([RunRecord("waits", "0", status="Queued", type="azureml.scriptrun", start_time=1)])
    store.set_artifacts("1/r2/artifacts", [FILE])
    yield store
    store.close()


def state_of(store: SqlBackend) -> dict[str, tuple[int, ...]]:
    """Return the counter, and the changes of all runs and experiments."""
    with store.database.read() as c:
        found: dict[str, tuple[int, ...]] = {"counter": (changes.read(c),)}
        for run_id, *values in c.execute("SELECT id, changed, created, files FROM run").fetchall():
            found[run_id] = tuple(values)
        for number, changed in c.execute("SELECT id, changed FROM experiment").fetchall():
            found[f"experiment {number}"] = (changed,)
    return found


WRITES: dict[str, tuple[Callable[[SqlBackend], object], set[str]]] = {
    "create runs": (lambda s: s.create_runs([RunRecord("r3", "1"), RunRecord("r4", "1")]), {"r3", "r4"}),
    "update runs": (lambda s: s.update_runs(("r1", "r2"), RunChanges(tags={"a": "1"})), {"r1", "r2"}),
    "warn": (lambda s: s.update_runs(("r1",), RunChanges(warnings=("w",))), {"r1"}),
    "delete runs": (lambda s: s.delete_runs(("r1",), 1), {"r1"}),
    "append": (lambda s: s.append([make_slice("j", 0, 1, ENTRIES)]), {"r1", "r2"}),
    "append a warning": (lambda s: s.append([make_slice("j", 0, 1, [], (("r2", "w"),))]), {"r2"}),
    "append nothing": (lambda s: s.append([make_slice("j", 0, 1, [])]), set()),
    "log points": (lambda s: s.log_points("r1", [Point("a", 1.0, 1)]), {"r1"}),
    "claim": (lambda s: s.claim_run("waits", Lease("waits", "launcher", 5)), {"waits"}),
    "end unclaimed runs": (lambda s: s.end_unclaimed(10**15), {"waits"}),
    "end leases": (lambda s: s.end_leases({"owner": 7}), {"r1"}),
    "set artifacts": (lambda s: s.set_artifacts("1/r1/artifacts", [FILE]), {"r1"}),
    "delete artifacts": (lambda s: s.delete_artifacts("1/r2/artifacts"), {"r2"}),
    "set artifacts of no run": (lambda s: s.set_artifacts("snapshots/r1", [FILE]), set()),
    "create an experiment": (lambda s: s.create_experiment("new", 1), {"experiment 2"}),
    "rename an experiment": (lambda s: s.rename_experiment("1", "new", 2), {"experiment 1"}),
    "tag an experiment": (lambda s: s.set_experiment_tags("1", {"a": "b"}), {"experiment 1"}),
    "delete an experiment": (lambda s: s.delete_experiment("1", 2), {"experiment 1", "r1", "r2"}),
}


@pytest.mark.parametrize("write", WRITES)
def test_a_write_marks_what_it_changes(store: SqlBackend, write: str) -> None:
    act, expected = WRITES[write]
    before = state_of(store)
    act(store)
    after = state_of(store)
    (now,) = after.pop("counter")
    changed = {name for name, state in after.items() if state != before.get(name)}
    assert changed == expected
    assert all(after[name][0] == now for name in changed)
    assert now > before["counter"][0] or not expected
    assert {name for name in changed if len(after[name]) == 3 and after[name][1] == now} == changed - before.keys() - {
        "experiment 2"
    }
    files = {name for name in changed if len(after[name]) == 3 and after[name][2] == now}
    assert files == (expected if "artifacts" in write else set())


def test_a_purge_lists_the_newest_removed_runs(store: SqlBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MOST_REMOVALS", 2)
    (before,) = state_of(store)["counter"]
    store.purge_runs(["waits"])
    store.delete_experiment("1", 1)
    store.purge_experiment("1")
    with store.database.read() as c:
        rows = c.execute("SELECT experiment, run_id, changed > ? FROM removal ORDER BY id", (before,)).fetchall()
    assert len(rows) == 2
    assert rows[-1] == (1, "", 1) and rows[0][0] == 1 and rows[0][1] in ("r1", "r2")
