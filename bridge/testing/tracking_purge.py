"""The conformance suite of purges."""

from __future__ import annotations

from functools import partial

import pytest

from bridge.errors import NotFound
from bridge.records.artifact import ArtifactRecord
from bridge.records.run import Dataset, DatasetInput, Lease, ModelOutput, RunChanges, RunRecord
from bridge.records.search import Comparison, ExperimentQuery, RunQuery
from bridge.records.series import COLUMN, Point
from bridge.store.backend import Backend
from bridge.store.one_run import create_run, get_run, get_series
from bridge.testing.slices import Entry, make_slice
from bridge.testing.tracking_points import native

FILE = ArtifactRecord("a.txt", 1, "0" * 64, 5)


def used(context: str | None, name: str = "points") -> DatasetInput:
    """Return an input of a run: a data set that is used in a context."""
    return DatasetInput(Dataset(name, "d", "local", "here"), {"mlflow.data.context": context} if context else {})


def fill(store: Backend, run_id: str, experiment_id: str = "0", context: str | None = "train") -> None:
    """Create a run with at least one of each thing that a run can have: a param, a tag, a point, a file and so on."""
    store.create_runs(
        [RunRecord(run_id, experiment_id, params={"p": "1"}, tags={"t": "1"}, properties={"q": "1"})],
        [Lease(run_id, "j", 5)],
    )
    changes = RunChanges(
        dataset_inputs=(used(context),), model_inputs=("m1",), model_outputs=(ModelOutput("m2", 1),), warnings=("w",)
    )
    store.update_runs((run_id,), changes)
    table = [
        Point("table", 1, 1, kind=COLUMN, column="x"),
        Point("table", "a", 1, kind=COLUMN, column="y", joined=True),
    ]
    store.log_points(run_id, [Point("loss", 0.5, 1), Point("note", "text", 1), *table])
    store.set_artifacts(f"{experiment_id}/{run_id}/artifacts", [FILE])


def found(store: Backend, *experiment_ids: str) -> list[str]:
    """Return the ids of all runs of experiments, active and deleted."""
    return [run.id for run in store.search_runs(RunQuery(experiment_ids or ("0",), view="all")).items]


class PurgePromises:
    """The tests of purges, which `TrackingStoreTests` inherits. Each test checks one promise of the interface."""

    def test_a_purge_removes_everything_of_a_run(self, store: Backend, other: Backend) -> None:
        for run_id in ("gone", "kept"):
            fill(store, run_id)
        kept, series = get_run(store, "kept"), [str(record) for record in get_series(store, "kept")]
        store.delete_runs(("gone",), 5)
        store.purge_runs(["gone"])
        for read in (
            partial(get_run, other),
            partial(get_series, other),
            lambda run_id: other.restore_runs((run_id,)),
            lambda run_id: other.delete_runs((run_id,), 6),
        ):
            with pytest.raises(NotFound):
                read("gone")
        with pytest.raises(NotFound):
            other.log("gone", "loss", 1.0, 1)
        assert found(other) == ["kept"]
        assert (other.get_runs(["gone"]), other.get_active_runs(["gone"])) == ({}, set())
        assert [lease.run_id for lease in other.get_leases()] == ["kept"]
        assert other.list_artifacts("0/gone/artifacts") == []
        assert other.list_artifacts("0/kept/artifacts") == [FILE]
        assert get_run(other, "kept") == kept
        assert [str(record) for record in get_series(other, "kept")] == series

    def test_an_active_run_can_be_purged(self, store: Backend, run: str) -> None:
        store.log(run, "loss", 1.0, 1)
        store.purge_runs([run])
        assert found(store) == []

    def test_a_purge_ignores_unknown_runs_and_can_be_repeated(self, store: Backend, run: str) -> None:
        store.resume_purge()
        store.purge_runs(["no"])
        store.purge_runs(["no", run, run])
        store.purge_runs([run])
        assert found(store) == []

    def test_the_id_of_a_purged_run_can_be_used_again_and_starts_empty(self, store: Backend) -> None:
        fill(store, "again")
        store.purge_runs(["again"])
        made = create_run(store, RunRecord("again", "0"))
        assert (made.number, dict(made.params), dict(made.latest), made.dataset_inputs) == (2, {}, {}, ())
        assert get_run(store, "again") == made
        assert get_series(store, "again") == []
        store.log("again", "loss", 2.0, 1)
        assert native(store, "loss", "again") == [2.0]

    def test_points_for_a_purged_run_are_dropped_and_counted(
        self, store: Backend, run: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        store.append([make_slice("j1", 0, 9, [Entry(run, "loss", 1.0)])])
        store.purge_runs([run])
        assert store.append([make_slice("j1", 9, 18, [Entry(run, "loss", 2.0), Entry(run, "a", 1.0)])]) == {"j1": 18}
        assert "2 points" in caplog.text
        assert store.get_receipts(["j1"]) == {"j1": 18}
        assert found(store) == []

    def test_children_of_a_purged_run_stay(self, store: Backend, run: str) -> None:
        store.create_runs([RunRecord("child", "0", parent_id=run), RunRecord("grandchild", "0", parent_id="child")])
        store.purge_runs(["child"])
        assert sorted(found(store)) == ["grandchild", run]
        assert get_run(store, "grandchild").parent_id == "child"
        assert store.search_runs(RunQuery((), view="all", below=run, recursive=True)).items == ()

    def test_the_uses_of_data_sets_survive_a_purge(self, store: Backend) -> None:
        for run_id, context in (("a", "train"), ("b", "test"), ("c", "train"), ("d", None)):
            fill(store, run_id, context=context)
        before = store.search_datasets(["0"])
        assert {context for *_, context in before} == {"train", "test", None}
        store.purge_runs(["a", "b"])
        assert store.search_datasets(["0"]) == before
        store.purge_runs(["c", "d"])
        assert store.search_datasets(["0"]) == before
        assert store.search_datasets(["1"]) == []

    def test_runs_are_found_by_when_they_were_deleted(self, store: Backend) -> None:
        store.create_runs([RunRecord(run_id, "0") for run_id in ("active", "early", "late")])
        store.delete_runs(("early",), 5)
        store.delete_runs(("late",), 9)
        old = (Comparison("attribute", "deletion_time", "<=", 8),)
        assert [run.id for run in store.search_runs(RunQuery(("0",), old, view="deleted")).items] == ["early"]
        assert [run.id for run in store.search_runs(RunQuery(("0",), old, view="all")).items] == ["early"]

    def test_an_experiment_is_purged_with_its_runs(self, store: Backend, other: Backend) -> None:
        gone = store.create_experiment("vision", 1, tags={"team": "a"}).id
        for run_id, experiment_id in (("gone", gone), ("restored", gone), ("kept", "0")):
            fill(store, run_id, experiment_id)
        store.delete_experiment(gone, 5)
        store.restore_runs(("restored",))
        store.purge_experiment(gone)
        for read in (other.get_experiment, other.purge_experiment, lambda one: other.restore_experiment(one, 6)):
            with pytest.raises(NotFound):
                read(gone)
        assert other.find_experiment("vision") is None
        assert [one.id for one in other.search_experiments(ExperimentQuery(view="all")).items] == ["0"]
        assert found(other, gone, "0", "-1") == ["kept"]
        assert [use[0] for use in other.search_datasets([gone, "0"])] == ["0"]
        assert other.list_artifacts(f"{gone}/gone/artifacts") == []

    def test_an_active_or_unknown_experiment_cannot_be_purged(self, store: Backend, run: str) -> None:
        for experiment_id in ("0", "7", "-1", "x"):
            with pytest.raises(NotFound):
                store.purge_experiment(experiment_id)
        assert found(store) == [run]

    def test_the_name_and_the_greatest_id_of_a_purged_experiment_are_free(self, store: Backend) -> None:
        first, last = (store.create_experiment(name, 1, tags={"a": name}).id for name in ("a", "b"))
        fill(store, "r", last)
        for experiment_id in (last, first):
            store.delete_experiment(experiment_id, 5)
        store.purge_experiment(last)
        again = store.create_experiment("b", 6)
        assert (again.id, dict(again.tags)) == (last, {})
        assert (found(store, last), store.search_datasets([last])) == ([], [])
        assert create_run(store, RunRecord("r", last)).number == 1
        store.purge_experiment(first)
        assert store.create_experiment("a", 7).id == str(int(last) + 1)

    def test_runs_of_a_purged_experiment_do_not_come_back(self, store: Backend) -> None:
        gone = store.create_experiment("a", 1).id
        fill(store, "again", gone)
        store.delete_experiment(gone, 5)
        store.purge_experiment(gone)
        assert store.create_experiment("a", 6).id == gone
        assert create_run(store, RunRecord("again", gone)) == get_run(store, "again")
        assert get_series(store, "again") == []

    def test_experiment_0_can_be_purged(self, store: Backend) -> None:
        store.delete_experiment("0", 5)
        store.purge_experiment("0")
        assert store.find_experiment("Default") is None
        assert store.search_experiments(ExperimentQuery(view="all")).items == ()
        assert store.create_experiment("a", 6).id == "1"
