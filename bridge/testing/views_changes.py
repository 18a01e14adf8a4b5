"""The conformance suite of changes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bridge.errors import InvalidValue
from bridge.records.artifact import ArtifactRecord
from bridge.records.run import RunChanges, RunRecord
from bridge.records.views import Changes
from bridge.store.backend import Backend
from bridge.store.one_run import create_run
from bridge.testing.strategies import row

FILE = ArtifactRecord("model.bin", 1, "0" * 64, 1)


class ChangePromises:
    """The tests of changes, which `RunViewsTests` inherits. Each test checks one promise."""

    def test_without_a_cursor_only_the_present_cursor_is_returned(self, store: Backend, run: str) -> None:
        first = store.views.get_changes()
        assert first == Changes(first.cursor)
        assert store.views.get_changes(first.cursor) == Changes(first.cursor)

    @pytest.mark.parametrize(
        "change",
        [
            lambda store: store.log("r1", "loss", 1.0, 1),
            lambda store: store.log("r1", "loss", 0.5, 1, -5),
            lambda store: store.log_points("r1", row("table", {"x": "a"}, 1)),
            lambda store: store.update_runs(("r1",), RunChanges(status="Running")),
            lambda store: store.update_runs(("r1",), RunChanges(tags={"a": "1"})),
            lambda store: store.update_runs(("r1",), RunChanges(params={"a": "1"})),
            lambda store: store.update_runs(("r1",), RunChanges(warnings=("w",))),
            lambda store: store.update_runs(("r1",), RunChanges(model_inputs=("m",))),
            lambda store: store.delete_runs(("r1",), 1),
            lambda store: store.delete_experiment("0", 1),
        ],
        ids=["point", "early point", "row", "status", "tag", "param", "warning", "input", "stage", "experiment"],
    )
    def test_a_changed_run_is_named(self, store: Backend, run: str, change: Callable[[Backend], object]) -> None:
        create_run(store, RunRecord("r2", "0"))
        store.log(run, "loss", 1.0, 1, 1)
        second = store.create_experiment("second", 1).id
        create_run(store, RunRecord("r3", second))
        cursor = store.views.get_changes().cursor
        change(store)
        found = store.views.get_changes(cursor)
        assert (found.created, found.removed, found.files) == ((), (), ())
        assert found.runs[0] == "r1" and "r3" not in found.runs
        assert found.cursor != cursor
        assert store.views.get_changes(found.cursor).runs == ()
        assert store.views.get_changes(cursor).runs == found.runs

    def test_new_and_removed_runs_are_named(self, store: Backend, run: str) -> None:
        create_run(store, RunRecord("r2", "0"))
        cursor = store.views.get_changes().cursor
        store.purge_runs(("r2",))
        create_run(store, RunRecord("r3", "0"))
        store.update_runs(("r3",), RunChanges(status="Running"))
        found = store.views.get_changes(cursor)
        assert (found.runs, found.created, found.removed) == ((), ("r3",), ("r2",))

    def test_a_run_that_was_purged_and_created_again_is_removed_and_new(self, store: Backend, run: str) -> None:
        cursor = store.views.get_changes().cursor
        store.purge_runs((run,))
        create_run(store, RunRecord(run, "0", params={"a": "1"}))
        found = store.views.get_changes(cursor)
        assert (found.runs, found.created, found.removed) == ((), (run,), (run,))

    def test_changed_files_are_named(self, store: Backend, run: str) -> None:
        create_run(store, RunRecord("r2", "0"))
        first = store.views.get_changes().cursor
        store.set_artifacts(f"0/{run}/artifacts", [FILE])
        second = store.views.get_changes(first)
        assert (second.runs, second.files) == ((run,), (run,))
        store.delete_artifacts(f"0/{run}/artifacts", "model.bin")
        third = store.views.get_changes(second.cursor)
        assert (third.runs, third.files) == ((run,), (run,))
        create_run(store, RunRecord("r3", "0"))
        store.set_artifacts("0/r3/artifacts", [FILE])
        fourth = store.views.get_changes(third.cursor)
        assert (fourth.runs, fourth.created, fourth.files) == ((), ("r3",), ("r3",))

    def test_files_of_a_model_belong_to_no_run(self, store: Backend, run: str) -> None:
        cursor = store.views.get_changes().cursor
        store.set_artifacts("0/models/m-1", [FILE])
        found = store.views.get_changes(cursor)
        assert (found.runs, found.created, found.files) == ((), (), ())

    def test_changed_experiments_are_named(self, store: Backend) -> None:
        second = store.create_experiment("second", 1).id
        cursor = store.views.get_changes().cursor
        store.rename_experiment(second, "renamed", 2)
        first = store.views.get_changes(cursor)
        assert first.experiments == (second,)
        third = store.create_experiment("third", 1).id
        store.set_experiment_tags(second, {"a": "1"})
        next = store.views.get_changes(first.cursor)
        assert next.experiments == (second, third)
        store.delete_experiment(third, 5)
        store.purge_experiment(third)
        assert third in store.views.get_changes(next.cursor).experiments

    def test_changes_of_some_experiments_and_runs_are_returned(self, store: Backend, run: str) -> None:
        second, third = (store.create_experiment(name, 1).id for name in ("second", "third"))
        for run_id, experiment_id in (("r2", second), ("r3", third), ("old", second), ("gone", third)):
            create_run(store, RunRecord(run_id, experiment_id))
        cursor = store.views.get_changes().cursor
        for run_id in (run, "r2", "r3"):
            store.log(run_id, "loss", 1.0, 1)
        create_run(store, RunRecord("r4", second))
        store.purge_runs(("old", "gone"))
        store.set_experiment_tags(third, {"a": "1"})
        store.set_experiment_tags(second, {"a": "1"})

        def ids(*scope: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
            found = store.views.get_changes(cursor, *scope)
            return found.runs, found.created, found.removed, found.experiments

        assert ids((second,)) == (("r2",), ("r4",), ("old",), (second,))
        assert ids((), (run, "gone")) == ((run,), (), ("gone",), ())
        assert ids((second,), ("r3", "none")) == (("r2", "r3"), ("r4",), ("old",), (second,))
        assert ids() == ((run, "r2", "r3"), ("r4",), ("gone", "old"), (second, third))

    def test_changes_of_another_store_object_are_seen(self, store: Backend, other: Backend, run: str) -> None:
        cursor = other.views.get_changes().cursor
        store.log(run, "loss", 1.0, 1)
        assert other.views.get_changes(cursor).runs == (run,)
        assert store.views.get_changes(cursor).runs == (run,)

    @pytest.mark.parametrize("cursor", ["", "x", "é", "\udcff", "WzFd", "-1", "1.5", "[1]"])
    def test_a_cursor_that_no_answer_had_is_refused(self, store: Backend, cursor: str) -> None:
        with pytest.raises(InvalidValue):
            store.views.get_changes(cursor)
