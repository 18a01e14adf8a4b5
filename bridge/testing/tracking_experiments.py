"""The conformance suite of experiments."""

from __future__ import annotations

import pytest

from bridge.errors import AlreadyExists, InvalidState, InvalidValue, NotFound
from bridge.records.run import RunRecord
from bridge.store.one_run import create_run, get_run
from bridge.store.tracking import TrackingStore
from bridge.testing.clock import FakeClock


class ExperimentPromises:
    """The tests of experiments, which `TrackingStoreTests` inherits. Each test checks one promise of the interface."""

    def test_a_new_store_has_the_experiment_default(self, store: TrackingStore) -> None:
        record = store.get_experiment("0")
        assert (record.name, record.lifecycle_stage, dict(record.tags)) == ("Default", "active", {})
        assert record.artifact_location is None
        assert record.creation_time == record.last_update_time

    def test_a_created_experiment_is_returned_as_it_is_read(self, store: TrackingStore, clock: FakeClock) -> None:
        created = store.create_experiment("vision", clock(), "s3://bucket/place", {"b": "1", "a": None})
        assert created == store.get_experiment(created.id)
        assert created.creation_time == created.last_update_time == clock()
        assert (created.name, created.artifact_location) == ("vision", "s3://bucket/place")
        assert list(created.tags.items()) == [("b", "1"), ("a", None)]

    def test_experiment_ids_count_up_from_one(self, store: TrackingStore) -> None:
        assert [store.create_experiment(name, 1).id for name in ("a", "b", "c")] == ["1", "2", "3"]

    @pytest.mark.parametrize("name", ["", "x" * 501, None, 7])
    def test_a_bad_experiment_name_is_refused(self, store: TrackingStore, name: str) -> None:
        with pytest.raises(InvalidValue):
            store.create_experiment(name, 1)
        with pytest.raises(InvalidValue):
            store.rename_experiment("0", name, 1)

    @pytest.mark.parametrize("name", [" ", "a\nb", "x" * 500, "Größe 🎈", "'; --", "a%b"])
    def test_an_unusual_experiment_name_is_kept(self, store: TrackingStore, name: str) -> None:
        created = store.create_experiment(name, 1)
        assert store.get_experiment(created.id).name == name
        assert store.find_experiment(name) == created

    def test_values_of_an_experiment_that_cannot_be_stored_are_refused(self, store: TrackingStore) -> None:
        half, found = "x\udcff", store.get_experiment("0")
        for call in (
            lambda: store.create_experiment(half, 1),
            lambda: store.create_experiment("a", 1, artifact_location=half),
            lambda: store.create_experiment("a", 1, tags={half: "b"}),
            lambda: store.create_experiment("a", 1, tags={"b": half}),
            lambda: store.create_experiment("a", 2**63),
            lambda: store.rename_experiment("0", half, 1),
            lambda: store.set_experiment_tags("0", {"a": "b", "c": half}),
            lambda: store.set_experiment_tags("0", {"a": "b"}, removed=(half,)),
        ):
            with pytest.raises(InvalidValue):
                call()
        assert store.find_experiment("a") is None
        assert store.get_experiment("0") == found

    def test_experiment_names_are_unique_and_deleted_experiments_count(self, store: TrackingStore) -> None:
        first = store.create_experiment("a", 1)
        with pytest.raises(AlreadyExists):
            store.create_experiment("a", 2)
        store.delete_experiment(first.id, 3)
        with pytest.raises(AlreadyExists):
            store.create_experiment("a", 4)

    def test_a_refused_experiment_uses_up_no_id(self, store: TrackingStore) -> None:
        store.create_experiment("a", 1)
        with pytest.raises(AlreadyExists):
            store.create_experiment("a", 1)
        assert store.create_experiment("b", 1).id == "2"

    def test_experiment_names_are_compared_exactly(self, store: TrackingStore) -> None:
        store.create_experiment("vision", 1)
        assert store.find_experiment("Vision") is None
        assert store.find_experiment("vision ") is None
        store.create_experiment("Vision", 1)

    def test_every_method_refuses_an_unknown_experiment(self, store: TrackingStore) -> None:
        for unknown in ("99", "no", "", "-1", "1.0", "9" * 40):
            for call in (
                lambda name: store.get_experiment(name),
                lambda name: store.rename_experiment(name, "x", 1),
                lambda name: store.set_experiment_tags(name, {"a": "b"}),
                lambda name: store.delete_experiment(name, 1),
                lambda name: store.restore_experiment(name, 1),
                lambda name: create_run(store, RunRecord("r", name)),
            ):
                with pytest.raises(NotFound):
                    call(unknown)
        assert store.find_experiment("no") is None

    def test_rename_changes_name_and_update_time(self, store: TrackingStore) -> None:
        created = store.create_experiment("a", 1)
        store.rename_experiment(created.id, "b", 5)
        record = store.get_experiment(created.id)
        assert (record.name, record.creation_time, record.last_update_time) == ("b", 1, 5)
        assert store.find_experiment("a") is None
        assert store.find_experiment("b") == record

    def test_rename_to_the_own_name_works_and_to_a_taken_one_does_not(self, store: TrackingStore) -> None:
        first, second = store.create_experiment("a", 1), store.create_experiment("b", 1)
        store.rename_experiment(first.id, "a", 2)
        with pytest.raises(AlreadyExists):
            store.rename_experiment(first.id, "b", 3)
        store.delete_experiment(second.id, 3)
        with pytest.raises(AlreadyExists):
            store.rename_experiment(first.id, "b", 4)
        assert store.get_experiment(first.id).last_update_time == 2

    def test_experiment_tags_are_set_replaced_and_removed(self, store: TrackingStore) -> None:
        created = store.create_experiment("a", 1, tags={"x": "1", "y": "2"})
        store.set_experiment_tags(created.id, {"x": "3", "z": None}, removed=["y"])
        record = store.get_experiment(created.id)
        assert dict(record.tags) == {"x": "3", "z": None}
        assert record.last_update_time == 1

    def test_removing_an_absent_experiment_tag_changes_nothing(self, store: TrackingStore) -> None:
        created = store.create_experiment("a", 1, tags={"x": "1"})
        with pytest.raises(NotFound):
            store.set_experiment_tags(created.id, {"y": "2"}, removed=["x", "no"])
        assert dict(store.get_experiment(created.id).tags) == {"x": "1"}

    def test_a_deleted_experiment_is_read_and_not_written(self, store: TrackingStore) -> None:
        created = store.create_experiment("a", 1, tags={"x": "1"})
        store.delete_experiment(created.id, 7)
        record = store.get_experiment(created.id)
        assert (record.lifecycle_stage, record.creation_time, record.last_update_time) == ("deleted", 1, 7)
        assert store.find_experiment("a") == record
        with pytest.raises(InvalidState):
            store.rename_experiment(created.id, "b", 8)
        with pytest.raises(InvalidState):
            store.set_experiment_tags(created.id, {"x": "2"})
        with pytest.raises(InvalidState):
            create_run(store, RunRecord("r", created.id))
        assert store.get_experiment(created.id) == record

    def test_deleting_twice_and_restoring_an_active_experiment_is_not_found(self, store: TrackingStore) -> None:
        created = store.create_experiment("a", 1)
        with pytest.raises(NotFound):
            store.restore_experiment(created.id, 2)
        store.delete_experiment(created.id, 3)
        with pytest.raises(NotFound):
            store.delete_experiment(created.id, 4)
        store.restore_experiment(created.id, 5)
        record = store.get_experiment(created.id)
        assert (record.lifecycle_stage, record.last_update_time) == ("active", 5)

    def test_the_experiment_default_can_be_deleted_and_renamed_like_others(self, store: TrackingStore) -> None:
        store.rename_experiment("0", "first", 2)
        store.delete_experiment("0", 3)
        assert store.get_experiment("0").lifecycle_stage == "deleted"
        assert store.create_experiment("Default", 4).id == "1"

    def test_deleting_and_restoring_an_experiment_moves_all_its_runs(self, store: TrackingStore) -> None:
        created = store.create_experiment("a", 1)
        create_run(store, RunRecord("kept", created.id))
        create_run(store, RunRecord("gone", created.id))
        create_run(store, RunRecord("other", "0"))
        store.delete_runs(("gone",), 2)
        store.delete_experiment(created.id, 3)
        stages = {run_id: get_run(store, run_id).lifecycle_stage for run_id in ("kept", "gone", "other")}
        assert stages == {"kept": "deleted", "gone": "deleted", "other": "active"}
        assert get_run(store, "kept").deletion_time == 3
        assert get_run(store, "gone").deletion_time == 2
        store.restore_experiment(created.id, 4)
        for run_id in ("kept", "gone"):
            assert get_run(store, run_id).lifecycle_stage == "active"
            assert get_run(store, run_id).deletion_time is None

    def test_a_run_restored_in_a_deleted_experiment_can_be_written(self, store: TrackingStore) -> None:
        created = store.create_experiment("a", 1)
        create_run(store, RunRecord("r", created.id))
        store.delete_experiment(created.id, 2)
        store.restore_runs(("r",))
        store.log("r", "loss", 1.0, 3)
        assert store.get_experiment(created.id).lifecycle_stage == "deleted"
        assert "loss" in get_run(store, "r").latest
