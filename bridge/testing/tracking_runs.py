"""What a tracking store promises of runs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy
import pytest

from bridge.errors import AlreadyExists, InvalidState, InvalidValue, NotFound, ParamChanged
from bridge.records.run import Dataset, DatasetInput, ModelOutput, RunChanges, RunRecord
from bridge.records.search import Comparison, RunQuery
from bridge.store.tracking import TrackingStore

DIGITS = Dataset("digits", "abc", "local", "{}", schema="{}", profile=None)
HALF = "x\udcff"
"""Text that UTF-8 cannot spell: half of a character, as Python reads a byte that is not UTF-8."""
TEXTS = ("", "a", "Größe 🎈", "a\nb", "'; --", "x" * 5_000)


def facts_of(changes: RunChanges) -> dict[str, Any]:
    """The single facts that are to be changed."""
    names = ("status", "start_time", "end_time", "display_name", "description", "parent_id", "error")
    return {name: value for name in names if (value := getattr(changes, name)) is not None}


class RunPromises:
    """One promise a test; `TrackingStoreTests` has them all."""

    def test_a_created_run_is_returned_as_it_is_read(self, store: TrackingStore) -> None:
        record = RunRecord(
            "r1", "0", display_name="cnn", status="Running", start_time=5, end_time=6, description="d", user="u",
            parent_id="p", error="e", params={"b": "1", "a": ""}, tags={"t": None, "s": "x"}, properties={"p": "q"},
            dataset_inputs=(DatasetInput(DIGITS, {"k": "v"}),), model_inputs=("m1",),
            model_outputs=(ModelOutput("m2", 3),),
        )  # fmt: skip
        created = store.create_run(record)
        assert created == replace(record, number=1)
        assert store.get_run("r1") == created
        assert list(created.params) == ["b", "a"]
        assert list(created.tags) == ["t", "s"]

    def test_a_bare_run_has_nothing_but_its_defaults(self, store: TrackingStore) -> None:
        assert store.create_run(RunRecord("r1", "0")) == RunRecord("r1", "0", number=1)

    def test_what_a_store_gives_to_a_run_cannot_be_brought(self, store: TrackingStore) -> None:
        brought = RunRecord(
            "r1", "0", number=9, lifecycle_stage="deleted", deletion_time=3, latest_texts={"a": "b"}, warnings=("w",)
        )
        assert store.create_run(brought) == RunRecord("r1", "0", number=1)

    def test_run_numbers_count_per_experiment_from_one(self, store: TrackingStore) -> None:
        other = store.create_experiment("a", 1).id
        runs = [RunRecord("r1", "0"), RunRecord("r2", other), RunRecord("r3", "0"), RunRecord("r4", other)]
        assert [store.create_run(record).number for record in runs] == [1, 1, 2, 2]
        store.delete_run("r3", 1)
        assert store.create_run(RunRecord("r5", "0")).number == 3

    @pytest.mark.parametrize("run_id", ["", "-a", "a b", "a/b", "../a", "x" * 257, None, "a\n"])
    def test_a_bad_run_id_is_refused(self, store: TrackingStore, run_id: str) -> None:
        with pytest.raises(InvalidValue):
            store.create_run(RunRecord(run_id, "0"))

    @pytest.mark.parametrize("run_id", ["a", "A-b_9", "x" * 256, "0" * 32])
    def test_a_run_id_of_mlflows_form_is_taken(self, store: TrackingStore, run_id: str) -> None:
        assert store.create_run(RunRecord(run_id, "0")).id == run_id
        assert store.get_run(run_id).id == run_id

    @pytest.mark.parametrize(
        "wrong",
        [
            {"display_name": HALF},
            {"description": HALF},
            {"parent_id": HALF},
            {"params": {"a": HALF}},
            {"params": {HALF: "a"}},
            {"tags": {"a": HALF}},
            {"tags": {HALF: None}},
            {"properties": {"a": HALF}},
            {"dataset_inputs": (DatasetInput(replace(DIGITS, source=HALF)),)},
            {"dataset_inputs": (DatasetInput(DIGITS, {HALF: "a"}),)},
            {"model_inputs": (HALF,)},
            {"model_outputs": (ModelOutput(HALF),)},
            {"model_outputs": (ModelOutput("m", 2**63),)},
            {"start_time": 2**63},
            {"start_time": 1.5},
            {"start_time": math.nan},
            {"start_time": True},
            {"end_time": -(2**63) - 1},
            {"end_time": math.inf},
            {"end_time": "5"},
        ],
        ids=str,
    )
    def test_what_cannot_be_stored_is_refused_and_nothing_is_changed(
        self, store: TrackingStore, run: str, wrong: dict[str, Any]
    ) -> None:
        before = store.get_run(run)
        with pytest.raises(InvalidValue):
            store.create_runs([RunRecord("good", "0"), RunRecord("bad", "0", **wrong)])
        with pytest.raises(InvalidValue):
            store.update_run(run, RunChanges(**{"params": {"new": "1"}, **wrong}))
        assert store.get_runs(["good", "bad"]) == {}
        assert store.get_run(run) == before

    def test_every_text_that_cannot_be_stored_is_named(self, store: TrackingStore) -> None:
        with pytest.raises(InvalidValue) as refused:
            store.create_run(RunRecord("r1", "0", start_time=2**63, tags={"a": HALF}, properties={"b": HALF}))
        assert [problem.key for problem in refused.value.problems] == ["tag 'a'", "property 'b'", "start time"]

    def test_times_may_be_integers_of_numpy_and_at_the_ends_of_64_bits(self, store: TrackingStore) -> None:
        for run_id, start, end in (("a", numpy.int64(5), numpy.uint8(6)), ("b", -(2**63), 2**63 - 1)):
            made = store.create_run(RunRecord(run_id, "0", start_time=start))  # type: ignore[arg-type]  # on purpose
            assert (type(made.start_time), made.start_time) == (int, int(start))
            store.update_run(run_id, RunChanges(end_time=end))  # type: ignore[arg-type]  # on purpose
            assert store.get_run(run_id).end_time == int(end)

    def test_a_warning_that_utf_8_cannot_spell_is_spelled_out(self, store: TrackingStore, run: str) -> None:
        store.update_run(run, RunChanges(warnings=("x\udcff was left out.",)))
        assert store.get_run(run).warnings == ("x\\udcff was left out.",)

    def test_ids_that_no_run_and_no_experiment_has_are_refused_or_unknown(self, store: TrackingStore) -> None:
        for odd in (HALF, "", "01", "²", "9" * 30, "a\0b"):
            for call in (
                store.get_run,
                store.get_experiment,
                lambda odd: store.update_run(odd, RunChanges(status="Running")),
            ):
                with pytest.raises((InvalidValue, NotFound)):
                    call(odd)
        assert store.search_datasets(["²", "no", "01", "9" * 30, ""]) == []

    def test_the_same_run_again_is_answered_with_the_run_that_is_there(self, store: TrackingStore) -> None:
        record = RunRecord("r1", "0", start_time=5, params={"a": "1"})
        store.create_run(record)
        store.update_run("r1", RunChanges(status="Completed", params={"b": "2"}))
        again = store.create_run(record)
        assert again == store.get_run("r1")
        assert (again.number, again.status, dict(again.params)) == (1, "Completed", {"a": "1", "b": "2"})
        assert store.create_run(RunRecord("r2", "0")).number == 2

    def test_another_run_of_a_taken_id_is_refused(self, store: TrackingStore) -> None:
        other = store.create_experiment("a", 1).id
        store.create_run(RunRecord("r1", "0", start_time=5))
        for record in (RunRecord("r1", "0", start_time=6), RunRecord("r1", other, start_time=5), RunRecord("r1", "0")):
            with pytest.raises(AlreadyExists):
                store.create_run(record)
        assert store.create_run(RunRecord("r2", other)).number == 1

    def test_runs_made_together_are_numbered_in_the_order_given(self, store: TrackingStore) -> None:
        other = store.create_experiment("a", 1).id
        store.create_run(RunRecord("first", "0"))
        records = [
            RunRecord("b", "0", start_time=1, params={"y": "1", "x": "2"}, tags={"t": None}, properties={"p": "q"}),
            RunRecord("a", other, type="azureml.scriptrun", definition="{}", dataset_inputs=(DatasetInput(DIGITS),)),
            RunRecord("c", "0", parent_id="b", model_inputs=("m", "m"), model_outputs=(ModelOutput("o", 1),)),
        ]
        made = store.create_runs(records)
        expected = [replace(records[0], number=2), replace(records[1], number=1), replace(records[2], number=3)]
        expected[2] = replace(expected[2], model_inputs=("m",))
        assert made == expected
        assert list(made[0].params) == ["y", "x"]
        assert list(store.get_runs(["c", "a", "b"]).values()) == [made[2], made[1], made[0]]
        assert store.create_runs([]) == []

    def test_hundreds_of_runs_are_made_together(self, store: TrackingStore) -> None:
        records = [RunRecord(f"r{number}", "0", tags={"n": str(number), "m": None}) for number in range(1200)]
        made = store.create_runs(records)
        assert made == [replace(record, number=at) for at, record in enumerate(records, 1)]
        assert list(store.get_runs([record.id for record in records]).values()) == made

    def test_of_runs_made_together_one_that_is_there_is_answered(self, store: TrackingStore) -> None:
        store.create_run(RunRecord("r1", "0", start_time=5))
        store.update_run("r1", RunChanges(status="Completed"))
        records = [RunRecord("r2", "0"), RunRecord("r1", "0", start_time=5, params={"a": "b"}), RunRecord("r2", "0")]
        made = store.create_runs(records)
        assert [(record.id, record.number, record.status) for record in made] == [
            ("r2", 2, "NotStarted"), ("r1", 1, "Completed"), ("r2", 2, "NotStarted"),
        ]  # fmt: skip
        assert dict(store.get_run("r1").params) == {}
        assert store.create_run(RunRecord("r3", "0")).number == 3

    @pytest.mark.parametrize(
        ("bad", "error"),
        [
            (RunRecord("a/b", "0"), InvalidValue),
            (RunRecord("r1", "0", start_time=6), AlreadyExists),
            (RunRecord("r2", "0", start_time=6), AlreadyExists),
            (RunRecord("r4", "99"), NotFound),
            (RunRecord("r4", "1"), InvalidState),
        ],
    )
    def test_of_runs_made_together_a_bad_one_prevents_all(
        self, store: TrackingStore, bad: RunRecord, error: type[Exception]
    ) -> None:
        store.delete_experiment(store.create_experiment("gone", 1).id, 2)
        store.create_run(RunRecord("r1", "0", start_time=5))
        with pytest.raises(error):
            store.create_runs([RunRecord("r2", "0"), bad, RunRecord("r3", "0")])
        assert list(store.get_runs(["r1", "r2", "r3", "r4"])) == ["r1"]
        assert store.create_run(RunRecord("r2", "0")).number == 2

    def test_runs_are_read_together_as_one_by_one(self, store: TrackingStore) -> None:
        for run_id in ("a", "b", "c"):
            store.create_run(RunRecord(run_id, "0", tags={"own": run_id}))
            store.log(run_id, "loss", 0.5, 1)
            store.log(run_id, "text", run_id, 1)
        store.delete_run("b", 1)
        found = store.get_runs(["c", "no", "b", "c"])
        assert list(found.items()) == [("c", store.get_run("c")), ("b", store.get_run("b"))]
        assert found["c"].latest["loss"].value == 0.5
        bare = store.get_runs(["a"], latest=False)["a"]
        assert (dict(bare.latest), dict(bare.latest_texts), dict(bare.tags)) == ({}, {}, {"own": "a"})
        assert store.get_runs([]) == {}

    def test_series_are_read_together_as_one_by_one(self, store: TrackingStore) -> None:
        for number, run_id in enumerate(("a", "b", "c", "d")):
            store.create_run(RunRecord(run_id, "0"))
            for key in ("loss", "accuracy", "text")[:number]:
                store.log(run_id, key, f"{number}" if key == "text" else number + 0.5, 1)
                store.get_series(run_id)  # so that a series comes in several stretches
                store.log(run_id, key, f"{number}!" if key == "text" else number, 2)
        found = store.get_series_of(["d", "a", "no", "c"])
        assert list(found) == ["d", "a", "c"]
        values = {
            run_id: {record.key: record.texts or record.numbers.tolist() for record in records}  # type: ignore[union-attr]
            for run_id, records in found.items()
        }
        assert values == {
            "d": {"loss": [3.5, 3], "accuracy": [3.5, 3], "text": ["3", "3!"]},
            "a": {},
            "c": {"loss": [2.5, 2], "accuracy": [2.5, 2]},
        }
        some = store.get_series_of(["b", "c"], ["accuracy", "none"])
        assert {run_id: [record.key for record in records] for run_id, records in some.items()} == {
            "b": [], "c": ["accuracy"],
        }  # fmt: skip
        assert store.get_series_of(["a"], []) == {"a": []}
        assert store.get_series_of([]) == {}

    def test_an_unknown_run_is_not_found_by_any_verb(self, store: TrackingStore) -> None:
        for call in (
            lambda: store.get_run("no"),
            lambda: store.update_run("no", RunChanges()),
            lambda: store.delete_run("no", 1),
            lambda: store.restore_run("no"),
            lambda: store.log("no", "loss", 1.0, 1),
            lambda: store.log_points("no", ()),
            lambda: store.get_series("no"),
        ):
            with pytest.raises(NotFound):
                call()

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
        before = store.create_run(RunRecord("r1", "0", "n", start_time=9, tags={"a": "b"}, params={"p": "1"}))
        store.update_run("r1", change)
        assert store.get_run("r1") == replace(before, **facts_of(change))

    def test_an_empty_description_or_parent_takes_it_away(self, store: TrackingStore) -> None:
        before = store.create_run(RunRecord("r1", "0", description="d", parent_id="p"))
        store.update_run("r1", RunChanges(description=""))
        assert store.get_run("r1") == replace(before, description=None)
        store.update_run("r1", RunChanges(parent_id=""))
        assert store.get_run("r1") == replace(before, description=None, parent_id=None)
        query = RunQuery(("0",), (Comparison("attribute", "parent_id", "IS NULL"),))
        assert [record.id for record in store.search_runs(query).items] == ["r1"]

    def test_params_are_added_and_the_same_again_changes_nothing(self, store: TrackingStore) -> None:
        store.create_run(RunRecord("r1", "0", params={"b": "1"}))
        store.update_run("r1", RunChanges(params={"a": "", "b": "1"}))
        store.update_run("r1", RunChanges(params={"a": "", "b": "1"}))
        assert list(store.get_run("r1").params.items()) == [("b", "1"), ("a", "")]

    def test_a_changed_param_is_refused_and_nothing_is_changed(self, store: TrackingStore) -> None:
        before = store.create_run(RunRecord("r1", "0", params={"a": "1", "b": "2", "c": "3"}, tags={"t": "1"}))
        changes = RunChanges(
            status="Completed", end_time=5, display_name="x", tags={"t": "2"}, removed_tags=("t",),
            params={"new": "1", "a": "9", "b": "2", "c": "8"}, properties={"p": "1"}, warnings=("w",),
            dataset_inputs=(DatasetInput(DIGITS),), model_inputs=("m",), model_outputs=(ModelOutput("m"),),
        )  # fmt: skip
        with pytest.raises(ParamChanged) as caught:
            store.update_run("r1", changes)
        assert set(caught.value.changes) == {("a", "1", "9"), ("c", "3", "8")}
        assert store.get_run("r1") == before
        assert store.search_datasets(["0"]) == []

    @pytest.mark.parametrize("text", TEXTS)
    def test_texts_are_kept_as_they_are(self, store: TrackingStore, text: str) -> None:
        key = text[:250] or "empty"
        store.create_run(RunRecord("r1", "0", description=text, user=text, display_name=text))
        store.update_run("r1", RunChanges(params={key: text}, tags={key: text}, properties={key: text}, error=text))
        record = store.get_run("r1")
        assert record.params == record.tags == record.properties == {key: text}
        assert record.description == record.user == record.display_name == record.error == text

    def test_tags_are_set_replaced_and_removed(self, store: TrackingStore) -> None:
        store.create_run(RunRecord("r1", "0", tags={"a": "1", "b": "2", "c": None}))
        store.update_run("r1", RunChanges(tags={"a": "3", "d": None}, removed_tags=("b",)))
        assert list(store.get_run("r1").tags.items()) == [("a", "3"), ("c", None), ("d", None)]

    def test_removing_a_tag_that_is_not_there_changes_nothing(self, store: TrackingStore) -> None:
        before = store.create_run(RunRecord("r1", "0", tags={"a": "1"}))
        with pytest.raises(NotFound):
            store.update_run("r1", RunChanges(tags={"b": "2"}, params={"p": "1"}, removed_tags=("a", "no")))
        assert store.get_run("r1") == before

    def test_properties_are_set_once(self, store: TrackingStore) -> None:
        store.create_run(RunRecord("r1", "0", properties={"a": "1"}))
        store.update_run("r1", RunChanges(properties={"a": "1", "b": "2"}))
        before = store.get_run("r1")
        assert list(before.properties.items()) == [("a", "1"), ("b", "2")]
        with pytest.raises(InvalidState):
            store.update_run("r1", RunChanges(properties={"c": "3", "a": "9"}, params={"p": "1"}, status="Failed"))
        assert store.get_run("r1") == before

    def test_params_tags_and_properties_of_one_key_do_not_meet(self, store: TrackingStore) -> None:
        store.create_run(RunRecord("r1", "0", params={"a": "1"}, tags={"a": "2"}, properties={"a": "3"}))
        record = store.get_run("r1")
        assert (dict(record.params), dict(record.tags), dict(record.properties)) == ({"a": "1"}, {"a": "2"}, {"a": "3"})

    def test_a_dataset_used_again_stays_as_it_was_first_used(self, store: TrackingStore) -> None:
        store.create_run(RunRecord("r1", "0"))
        first = DatasetInput(DIGITS, {"mlflow.data.context": "training"})
        store.update_run("r1", RunChanges(dataset_inputs=(first, DatasetInput(DIGITS, {"k": "other"}))))
        store.update_run("r1", RunChanges(dataset_inputs=(DatasetInput(replace(DIGITS, source="x"), {"k": "v"}),)))
        assert store.get_run("r1").dataset_inputs == (first,)

    def test_a_dataset_is_the_experiments_and_its_tags_are_the_runs(self, store: TrackingStore) -> None:
        other = store.create_experiment("a", 1).id
        store.create_run(RunRecord("r1", "0", dataset_inputs=(DatasetInput(DIGITS, {"a": "1"}),)))
        changed = replace(DIGITS, source="elsewhere")
        store.create_run(RunRecord("r2", "0", dataset_inputs=(DatasetInput(changed, {"b": "2"}),)))
        store.create_run(RunRecord("r3", other, dataset_inputs=(DatasetInput(changed),)))
        assert store.get_run("r2").dataset_inputs == (DatasetInput(DIGITS, {"b": "2"}),)
        assert store.get_run("r3").dataset_inputs == (DatasetInput(changed),)

    def test_dataset_inputs_keep_their_order(self, store: TrackingStore) -> None:
        uses = tuple(DatasetInput(replace(DIGITS, digest=digest)) for digest in ("c", "a", "b"))
        store.create_run(RunRecord("r1", "0", dataset_inputs=uses))
        assert store.get_run("r1").dataset_inputs == uses

    def test_datasets_that_runs_used_are_listed_once_each_and_sorted(self, store: TrackingStore) -> None:
        other = store.create_experiment("a", 1).id
        train = DatasetInput(DIGITS, {"mlflow.data.context": "train"})
        plain = DatasetInput(DIGITS)
        early = DatasetInput(replace(DIGITS, name="a"), {"mlflow.data.context": "eval"})
        store.create_run(RunRecord("r1", "0", dataset_inputs=(train, early)))
        store.create_run(RunRecord("r2", "0", dataset_inputs=(train,)))
        store.create_run(RunRecord("r3", "0", dataset_inputs=(plain,)))
        store.create_run(RunRecord("r4", other, dataset_inputs=(plain,)))
        store.delete_run("r2", 1)
        here = [("0", "a", "abc", "eval"), ("0", "digits", "abc", None), ("0", "digits", "abc", "train")]
        assert store.search_datasets(["0", "99", "no", "0"]) == here
        assert store.search_datasets([other, "0"]) == [*here, (other, "digits", "abc", None)]
        assert store.search_datasets([]) == []

    def test_model_inputs_and_outputs_are_kept_once(self, store: TrackingStore) -> None:
        store.create_run(RunRecord("r1", "0"))
        changes = RunChanges(
            model_inputs=("m1", "m0", "m1"), model_outputs=(ModelOutput("m2", 1), ModelOutput("m2", 2))
        )
        store.update_run("r1", changes)
        store.update_run("r1", changes)
        record = store.get_run("r1")
        assert record.model_inputs == ("m1", "m0")
        assert record.model_outputs == (ModelOutput("m2", 1), ModelOutput("m2", 2))

    def test_a_warning_is_kept_once(self, store: TrackingStore) -> None:
        store.create_run(RunRecord("r1", "0"))
        store.update_run("r1", RunChanges(warnings=("w2", "w1", "w2")))
        store.update_run("r1", RunChanges(warnings=("w1", "w3")))
        assert store.get_run("r1").warnings == ("w2", "w1", "w3")

    def test_a_deleted_run_is_read_and_not_written(self, store: TrackingStore) -> None:
        store.create_run(RunRecord("r1", "0", status="Running", start_time=1, tags={"a": "1"}))
        store.log("r1", "loss", 1.0, 1)
        store.delete_run("r1", 7)
        before = store.get_run("r1")
        assert (before.lifecycle_stage, before.deletion_time, before.status, before.end_time) == (
            "deleted", 7, "Running", None,
        )  # fmt: skip
        calls: list[Callable[[], object]] = [
            lambda: store.update_run("r1", RunChanges()),
            lambda: store.update_run("r1", RunChanges(tags={"a": "2"})),
            lambda: store.log("r1", "loss", 2.0, 2),
            lambda: store.log("r1", "text", "a", 2),
            lambda: store.log_points("r1", ()),
        ]
        for call in calls:
            with pytest.raises(InvalidState):
                call()
        assert store.get_run("r1") == before
        assert len(store.get_series("r1")[0].positions) == 1

    def test_deleting_and_restoring_a_run_twice_changes_nothing_more(self, store: TrackingStore) -> None:
        created = store.create_run(RunRecord("r1", "0"))
        store.delete_run("r1", 7)
        store.delete_run("r1", 8)
        assert store.get_run("r1").deletion_time == 7
        store.restore_run("r1")
        store.restore_run("r1")
        assert store.get_run("r1") == created
        store.log("r1", "loss", 2.0, 2)
        assert store.get_run("r1").latest["loss"].value == 2.0

    def test_a_record_does_not_change_later(self, store: TrackingStore) -> None:
        before = store.create_run(RunRecord("r1", "0", params={"a": "1"}, tags={"a": "1"}))
        experiment = store.get_experiment("0")
        store.update_run("r1", RunChanges(params={"b": "2"}, tags={"a": "2"}, status="Failed", warnings=("w",)))
        store.set_experiment_tags("0", {"x": "y"})
        store.log("r1", "loss", 1.0, 1)
        assert before == RunRecord("r1", "0", number=1, params={"a": "1"}, tags={"a": "1"})
        assert dict(experiment.tags) == {}

    def test_changing_a_records_mappings_changes_nothing_in_the_store(self, store: TrackingStore) -> None:
        params, tags = {"a": "1"}, {"k": "v"}
        record = store.create_run(RunRecord("r1", "0", params=params, dataset_inputs=(DatasetInput(DIGITS, tags),)))
        params["b"], tags["l"] = "2", "w"
        record.params["c"] = "3"  # type: ignore[index]  # a mapping's owner may do more with it than its type says
        record.dataset_inputs[0].tags["m"] = "x"  # type: ignore[index]  # as above
        again = store.get_run("r1")
        assert dict(again.params) == {"a": "1"}
        assert again.dataset_inputs == (DatasetInput(DIGITS, {"k": "v"}),)
