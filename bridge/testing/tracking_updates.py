"""The conformance suite of runs that are changed, deleted and restored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bridge.errors import InvalidState, NotFound, ParamChanged
from bridge.records.run import Dataset, DatasetInput, ModelOutput, RunChanges, RunRecord
from bridge.records.search import Comparison, RunQuery
from bridge.store.one_run import create_run, get_run, get_series
from bridge.store.tracking import TrackingStore

DIGITS = Dataset("digits", "abc", "local", "{}", schema="{}", profile=None)
HALF = "x\udcff"
"""A text that UTF-8 cannot encode. The second character is a surrogate, as in file names that are not valid UTF-8."""
TEXTS = ("", "a", "Größe 🎈", "a\nb", "'; --", "x" * 5_000)


def facts_of(changes: RunChanges) -> dict[str, Any]:
    """Return the fields of `changes` that are set, by name, except labels and inputs."""
    names = ("status", "start_time", "end_time", "display_name", "description", "parent_id", "error")
    return {name: value for name in names if (value := getattr(changes, name)) is not None}


class UpdatePromises:
    """The tests of changed runs, which `TrackingStoreTests` inherits. Each test checks one promise of the interface."""

    @pytest.mark.parametrize(
        "change",
        [
            RunChanges(status="Completed"),
            RunChanges(start_time=1),
            RunChanges(end_time=2**62),
            RunChanges(display_name=""),
            RunChanges(description="d"),
            RunChanges(parent_id="p"),
            RunChanges(error="e"),
        ],
        ids=lambda change: next(iter(facts_of(change))),
    )
    def test_one_fact_of_a_run_is_changed_and_the_others_stay(self, store: TrackingStore, change: RunChanges) -> None:
        before = create_run(store, RunRecord("r1", "0", "n", start_time=9, tags={"a": "b"}, params={"p": "1"}))
        store.update_runs(("r1",), change)
        assert get_run(store, "r1") == replace(before, **facts_of(change))

    def test_an_empty_description_or_parent_removes_it(self, store: TrackingStore) -> None:
        before = create_run(store, RunRecord("r1", "0", description="d", parent_id="p"))
        store.update_runs(("r1",), RunChanges(description=""))
        assert get_run(store, "r1") == replace(before, description=None)
        store.update_runs(("r1",), RunChanges(parent_id=""))
        assert get_run(store, "r1") == replace(before, description=None, parent_id=None)
        query = RunQuery(("0",), (Comparison("attribute", "parent_id", "IS NULL"),))
        assert [record.id for record in store.search_runs(query).items] == ["r1"]

    def test_params_are_added_and_the_same_again_changes_nothing(self, store: TrackingStore) -> None:
        create_run(store, RunRecord("r1", "0", params={"b": "1"}))
        store.update_runs(("r1",), RunChanges(params={"a": "", "b": "1"}))
        store.update_runs(("r1",), RunChanges(params={"a": "", "b": "1"}))
        assert list(get_run(store, "r1").params.items()) == [("b", "1"), ("a", "")]

    def test_a_changed_param_is_refused_and_the_run_stays_unchanged(self, store: TrackingStore) -> None:
        before = create_run(store, RunRecord("r1", "0", params={"a": "1", "b": "2", "c": "3"}, tags={"t": "1"}))
        changes = RunChanges(
            status="Completed", end_time=5, display_name="x", tags={"t": "2"}, removed_tags=("t",),
            params={"new": "1", "a": "9", "b": "2", "c": "8"}, properties={"p": "1"}, warnings=("w",),
            dataset_inputs=(DatasetInput(DIGITS),), model_inputs=("m",), model_outputs=(ModelOutput("m"),),
        )  # fmt: skip
        with pytest.raises(ParamChanged) as caught:
            store.update_runs(("r1",), changes)
        assert set(caught.value.changes) == {("a", "1", "9"), ("c", "3", "8")}
        assert get_run(store, "r1") == before
        assert store.search_datasets(["0"]) == []

    @pytest.mark.parametrize("text", TEXTS)
    def test_texts_are_kept_as_they_are(self, store: TrackingStore, text: str) -> None:
        key = text[:250] or "empty"
        create_run(store, RunRecord("r1", "0", description=text, user=text, display_name=text))
        store.update_runs(("r1",), RunChanges(params={key: text}, tags={key: text}, properties={key: text}, error=text))
        record = get_run(store, "r1")
        assert record.params == record.tags == record.properties == {key: text}
        assert record.description == record.user == record.display_name == record.error == text

    def test_tags_are_set_replaced_and_removed(self, store: TrackingStore) -> None:
        create_run(store, RunRecord("r1", "0", tags={"a": "1", "b": "2", "c": None}))
        store.update_runs(("r1",), RunChanges(tags={"a": "3", "d": None}, removed_tags=("b",)))
        assert list(get_run(store, "r1").tags.items()) == [("a", "3"), ("c", None), ("d", None)]

    def test_removing_an_absent_tag_changes_nothing(self, store: TrackingStore) -> None:
        before = create_run(store, RunRecord("r1", "0", tags={"a": "1"}))
        with pytest.raises(NotFound):
            store.update_runs(("r1",), RunChanges(tags={"b": "2"}, params={"p": "1"}, removed_tags=("a", "no")))
        assert get_run(store, "r1") == before

    def test_properties_are_set_once(self, store: TrackingStore) -> None:
        create_run(store, RunRecord("r1", "0", properties={"a": "1"}))
        store.update_runs(("r1",), RunChanges(properties={"a": "1", "b": "2"}))
        before = get_run(store, "r1")
        assert list(before.properties.items()) == [("a", "1"), ("b", "2")]
        with pytest.raises(InvalidState):
            store.update_runs(("r1",), RunChanges(properties={"c": "3", "a": "9"}, params={"p": "1"}, status="Failed"))
        assert get_run(store, "r1") == before

    def test_params_tags_and_properties_can_have_the_same_key(self, store: TrackingStore) -> None:
        create_run(store, RunRecord("r1", "0", params={"a": "1"}, tags={"a": "2"}, properties={"a": "3"}))
        record = get_run(store, "r1")
        assert (dict(record.params), dict(record.tags), dict(record.properties)) == ({"a": "1"}, {"a": "2"}, {"a": "3"})

    def test_a_dataset_used_again_stays_as_it_was_first_used(self, store: TrackingStore) -> None:
        create_run(store, RunRecord("r1", "0"))
        first = DatasetInput(DIGITS, {"mlflow.data.context": "training"})
        store.update_runs(("r1",), RunChanges(dataset_inputs=(first, DatasetInput(DIGITS, {"k": "other"}))))
        store.update_runs(("r1",), RunChanges(dataset_inputs=(DatasetInput(replace(DIGITS, source="x"), {"k": "v"}),)))
        assert get_run(store, "r1").dataset_inputs == (first,)

    def test_a_dataset_belongs_to_the_experiment_and_its_tags_to_the_run(self, store: TrackingStore) -> None:
        other = store.create_experiment("a", 1).id
        create_run(store, RunRecord("r1", "0", dataset_inputs=(DatasetInput(DIGITS, {"a": "1"}),)))
        changed = replace(DIGITS, source="elsewhere")
        create_run(store, RunRecord("r2", "0", dataset_inputs=(DatasetInput(changed, {"b": "2"}),)))
        create_run(store, RunRecord("r3", other, dataset_inputs=(DatasetInput(changed),)))
        assert get_run(store, "r2").dataset_inputs == (DatasetInput(DIGITS, {"b": "2"}),)
        assert get_run(store, "r3").dataset_inputs == (DatasetInput(changed),)

    def test_dataset_inputs_keep_their_order(self, store: TrackingStore) -> None:
        uses = tuple(DatasetInput(replace(DIGITS, digest=digest)) for digest in ("c", "a", "b"))
        create_run(store, RunRecord("r1", "0", dataset_inputs=uses))
        assert get_run(store, "r1").dataset_inputs == uses

    def test_datasets_that_runs_used_are_listed_once_each_and_sorted(self, store: TrackingStore) -> None:
        other = store.create_experiment("a", 1).id
        train = DatasetInput(DIGITS, {"mlflow.data.context": "train"})
        plain = DatasetInput(DIGITS)
        early = DatasetInput(replace(DIGITS, name="a"), {"mlflow.data.context": "eval"})
        create_run(store, RunRecord("r1", "0", dataset_inputs=(train, early)))
        create_run(store, RunRecord("r2", "0", dataset_inputs=(train,)))
        create_run(store, RunRecord("r3", "0", dataset_inputs=(plain,)))
        create_run(store, RunRecord("r4", other, dataset_inputs=(plain,)))
        store.delete_runs(("r2",), 1)
        here = [("0", "a", "abc", "eval"), ("0", "digits", "abc", None), ("0", "digits", "abc", "train")]
        assert store.search_datasets(["0", "99", "no", "0"]) == here
        assert store.search_datasets([other, "0"]) == [*here, (other, "digits", "abc", None)]
        assert store.search_datasets([]) == []

    def test_model_inputs_and_outputs_are_kept_once(self, store: TrackingStore) -> None:
        create_run(store, RunRecord("r1", "0"))
        changes = RunChanges(
            model_inputs=("m1", "m0", "m1"), model_outputs=(ModelOutput("m2", 1), ModelOutput("m2", 2))
        )
        store.update_runs(("r1",), changes)
        store.update_runs(("r1",), changes)
        record = get_run(store, "r1")
        assert record.model_inputs == ("m1", "m0")
        assert record.model_outputs == (ModelOutput("m2", 1), ModelOutput("m2", 2))

    def test_a_warning_is_kept_once(self, store: TrackingStore) -> None:
        create_run(store, RunRecord("r1", "0"))
        store.update_runs(("r1",), RunChanges(warnings=("w2", "w1", "w2")))
        store.update_runs(("r1",), RunChanges(warnings=("w1", "w3")))
        assert get_run(store, "r1").warnings == ("w2", "w1", "w3")

    def test_a_deleted_run_is_read_and_not_written(self, store: TrackingStore) -> None:
        create_run(store, RunRecord("r1", "0", status="Running", start_time=1, tags={"a": "1"}))
        store.log("r1", "loss", 1.0, 1)
        store.delete_runs(("r1",), 7)
        before = get_run(store, "r1")
        assert (before.lifecycle_stage, before.deletion_time, before.status, before.end_time) == (
            "deleted", 7, "Running", None,
        )  # fmt: skip
        calls: list[Callable[[], object]] = [
            lambda: store.update_runs(("r1",), RunChanges()),
            lambda: store.update_runs(("r1",), RunChanges(tags={"a": "2"})),
            lambda: store.log("r1", "loss", 2.0, 2),
            lambda: store.log("r1", "text", "a", 2),
            lambda: store.check_writable("r1"),
        ]
        for call in calls:
            with pytest.raises(InvalidState):
                call()
        assert get_run(store, "r1") == before
        assert len(get_series(store, "r1")[0].positions) == 1

    def test_deleting_and_restoring_a_run_twice_changes_nothing_more(self, store: TrackingStore) -> None:
        created = create_run(store, RunRecord("r1", "0"))
        store.delete_runs(("r1",), 7)
        store.delete_runs(("r1",), 8)
        assert get_run(store, "r1").deletion_time == 7
        store.restore_runs(("r1",))
        store.restore_runs(("r1",))
        assert get_run(store, "r1") == created
        store.log("r1", "loss", 2.0, 2)
        assert get_run(store, "r1").latest["loss"].value == 2.0

    def test_runs_are_changed_together(self, store: TrackingStore) -> None:
        store.create_runs([RunRecord(run_id, "0", params={"a": "1"}) for run_id in ("r1", "r2", "r3")])
        store.update_runs(("r1", "r3", "r1"), RunChanges(tags={"t": "v"}, params={"a": "1", "b": "2"}, status="Failed"))
        found = store.get_runs(("r1", "r2", "r3")).values()
        assert [(record.status, dict(record.tags), dict(record.params)) for record in found] == [
            ("Failed", {"t": "v"}, {"a": "1", "b": "2"}),
            ("NotStarted", {}, {"a": "1"}),
            ("Failed", {"t": "v"}, {"a": "1", "b": "2"}),
        ]
        store.update_runs((), RunChanges(status="Running"))

    @pytest.mark.parametrize(
        ("changes", "error"),
        [
            (RunChanges(status="Running"), NotFound),
            (RunChanges(params={"a": "2"}), ParamChanged),
            (RunChanges(properties={"a": "2"}), InvalidState),
            (RunChanges(removed_tags=("a",)), NotFound),
            (RunChanges(status="Failed", expected=("Running",)), InvalidState),
        ],
        ids=["unknown", "param", "property", "tag", "status"],
    )
    def test_a_change_that_one_of_the_runs_refuses_changes_none_and_names_the_run(
        self, store: TrackingStore, changes: RunChanges, error: type[Exception]
    ) -> None:
        create_run(store, RunRecord("r1", "0", tags={"a": "1"}, status="Running"))
        refusing = RunRecord("refusing", "0", params={"a": "1"}, properties={"a": "1"}, status="Completed")
        if changes != RunChanges(status="Running"):
            create_run(store, refusing)
        before = store.get_runs(("r1", "refusing"))
        with pytest.raises(error, match="refusing"):
            store.update_runs(("r1", "refusing"), changes)
        assert store.get_runs(("r1", "refusing")) == before

    def test_runs_are_deleted_and_restored_together_or_not_at_all(self, store: TrackingStore) -> None:
        store.create_runs([RunRecord(run_id, "0") for run_id in ("r1", "r2", "r3")])
        store.delete_runs(("r1", "r2", "r1"), 5)
        found = store.get_runs(("r1", "r2", "r3")).values()
        assert [(record.lifecycle_stage, record.deletion_time) for record in found] == [
            ("deleted", 5), ("deleted", 5), ("active", None),
        ]  # fmt: skip
        before = store.get_runs(("r1", "r2", "r3"))
        with pytest.raises(NotFound, match="unknown"):
            store.delete_runs(("r3", "unknown"), 6)
        with pytest.raises(NotFound, match="unknown"):
            store.restore_runs(("r1", "unknown"))
        assert store.get_runs(("r1", "r2", "r3")) == before
        store.restore_runs(("r1", "r3", "r1"))
        assert store.get_active_runs(("r1", "r2", "r3")) == {"r1", "r3"}

    def test_only_an_active_run_is_writable(self, store: TrackingStore) -> None:
        store.create_runs([RunRecord(run_id, "0") for run_id in ("r1", "deleted")])
        store.delete_runs(("deleted",), 5)
        store.check_writable("r1")
        with pytest.raises(InvalidState, match="deleted"):
            store.check_writable("deleted")
        with pytest.raises(NotFound, match="unknown"):
            store.check_writable("unknown")

    def test_a_record_does_not_change_later(self, store: TrackingStore) -> None:
        before = create_run(store, RunRecord("r1", "0", params={"a": "1"}, tags={"a": "1"}))
        experiment = store.get_experiment("0")
        store.update_runs(("r1",), RunChanges(params={"b": "2"}, tags={"a": "2"}, status="Failed", warnings=("w",)))
        store.set_experiment_tags("0", {"x": "y"})
        store.log("r1", "loss", 1.0, 1)
        assert before == RunRecord("r1", "0", number=1, params={"a": "1"}, tags={"a": "1"})
        assert dict(experiment.tags) == {}

    def test_changing_a_records_mappings_changes_nothing_in_the_store(self, store: TrackingStore) -> None:
        params, tags = {"a": "1"}, {"k": "v"}
        record = create_run(store, RunRecord("r1", "0", params=params, dataset_inputs=(DatasetInput(DIGITS, tags),)))
        params["b"], tags["l"] = "2", "w"
        record.params["c"] = "3"  # type: ignore[index]  # a mapping's owner may do more with it than its type says
        record.dataset_inputs[0].tags["m"] = "x"  # type: ignore[index]  # as above
        again = get_run(store, "r1")
        assert dict(again.params) == {"a": "1"}
        assert again.dataset_inputs == (DatasetInput(DIGITS, {"k": "v"}),)
