"""The conformance suite of new runs and of reads of runs."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import Any

import numpy
import pytest

from bridge.errors import AlreadyExists, InvalidState, InvalidValue, NotFound
from bridge.records.run import Dataset, DatasetInput, ModelOutput, RunChanges, RunRecord
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


class RunPromises:
    """The tests of runs, which `TrackingStoreTests` inherits. Each test checks one promise of the interface."""

    def test_a_created_run_is_returned_as_it_is_read(self, store: TrackingStore) -> None:
        record = RunRecord(
            "r1", "0", display_name="cnn", status="Running", start_time=5, end_time=6, description="d", user="u",
            parent_id="p", error="e", params={"b": "1", "a": ""}, tags={"t": None, "s": "x"}, properties={"p": "q"},
            dataset_inputs=(DatasetInput(DIGITS, {"k": "v"}),), model_inputs=("m1",),
            model_outputs=(ModelOutput("m2", 3),),
        )  # fmt: skip
        created = create_run(store, record)
        assert created == replace(record, number=1)
        assert get_run(store, "r1") == created
        assert list(created.params) == ["b", "a"]
        assert list(created.tags) == ["t", "s"]

    def test_a_bare_run_has_nothing_but_its_defaults(self, store: TrackingStore) -> None:
        assert create_run(store, RunRecord("r1", "0")) == RunRecord("r1", "0", number=1)

    def test_a_caller_cannot_set_the_fields_that_a_store_assigns(self, store: TrackingStore) -> None:
        brought = RunRecord(
            "r1", "0", number=9, lifecycle_stage="deleted", deletion_time=3, latest_texts={"a": "b"}, warnings=("w",)
        )
        assert create_run(store, brought) == RunRecord("r1", "0", number=1)

    def test_run_numbers_count_per_experiment_from_one(self, store: TrackingStore) -> None:
        other = store.create_experiment("a", 1).id
        runs = [RunRecord("r1", "0"), RunRecord("r2", other), RunRecord("r3", "0"), RunRecord("r4", other)]
        assert [create_run(store, record).number for record in runs] == [1, 1, 2, 2]
        store.delete_runs(("r3",), 1)
        assert create_run(store, RunRecord("r5", "0")).number == 3

    @pytest.mark.parametrize("run_id", ["", "-a", "a b", "a/b", "../a", "x" * 257, None, "a\n"])
    def test_a_bad_run_id_is_refused(self, store: TrackingStore, run_id: str) -> None:
        with pytest.raises(InvalidValue):
            create_run(store, RunRecord(run_id, "0"))

    @pytest.mark.parametrize("run_id", ["models", "traces", "Models"])
    def test_a_run_id_that_names_a_folder_of_mlflow_is_refused(self, store: TrackingStore, run_id: str) -> None:
        with pytest.raises(InvalidValue, match=f"run id.*{run_id}.*choose another id"):
            create_run(store, RunRecord(run_id, "0"))
        assert not store.get_runs((run_id,))

    @pytest.mark.parametrize("run_id", ["a", "A-b_9", "x" * 256, "0" * 32, "models-1"])
    def test_a_run_id_of_mlflows_form_is_taken(self, store: TrackingStore, run_id: str) -> None:
        assert create_run(store, RunRecord(run_id, "0")).id == run_id
        assert get_run(store, run_id).id == run_id

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
    def test_values_that_cannot_be_stored_are_refused_and_nothing_is_changed(
        self, store: TrackingStore, run: str, wrong: dict[str, Any]
    ) -> None:
        before = get_run(store, run)
        with pytest.raises(InvalidValue):
            store.create_runs([RunRecord("good", "0"), RunRecord("bad", "0", **wrong)])
        with pytest.raises(InvalidValue):
            store.update_runs((run,), RunChanges(**{"params": {"new": "1"}, **wrong}))
        assert store.get_runs(["good", "bad"]) == {}
        assert get_run(store, run) == before

    def test_every_text_that_cannot_be_stored_is_named(self, store: TrackingStore) -> None:
        with pytest.raises(InvalidValue) as refused:
            create_run(store, RunRecord("r1", "0", start_time=2**63, tags={"a": HALF}, properties={"b": HALF}))
        assert [problem.key for problem in refused.value.problems] == ["tag 'a'", "property 'b'", "start time"]

    def test_times_may_be_integers_of_numpy_and_at_the_ends_of_64_bits(self, store: TrackingStore) -> None:
        for run_id, start, end in (("a", numpy.int64(5), numpy.uint8(6)), ("b", -(2**63), 2**63 - 1)):
            made = create_run(store, RunRecord(run_id, "0", start_time=start))  # type: ignore[arg-type]  # on purpose
            assert (type(made.start_time), made.start_time) == (int, int(start))
            store.update_runs((run_id,), RunChanges(end_time=end))  # type: ignore[arg-type]  # on purpose
            assert get_run(store, run_id).end_time == int(end)

    def test_a_warning_that_utf_8_cannot_encode_is_stored_escaped(self, store: TrackingStore, run: str) -> None:
        store.update_runs((run,), RunChanges(warnings=("x\udcff was left out.",)))
        assert get_run(store, run).warnings == ("x\\udcff was left out.",)

    def test_ids_that_no_run_and_no_experiment_has_are_refused_or_unknown(self, store: TrackingStore) -> None:
        for odd in (HALF, "", "01", "²", "9" * 30, "a\0b"):
            for call in (
                partial(get_run, store),
                store.get_experiment,
                lambda odd: store.update_runs((odd,), RunChanges(status="Running")),
            ):
                with pytest.raises((InvalidValue, NotFound)):
                    call(odd)
        assert store.search_datasets(["²", "no", "01", "9" * 30, ""]) == []

    def test_creating_the_same_run_again_returns_the_existing_run(self, store: TrackingStore) -> None:
        record = RunRecord("r1", "0", start_time=5, params={"a": "1"})
        create_run(store, record)
        store.update_runs(("r1",), RunChanges(status="Completed", params={"b": "2"}))
        again = create_run(store, record)
        assert again == get_run(store, "r1")
        assert (again.number, again.status, dict(again.params)) == (1, "Completed", {"a": "1", "b": "2"})
        assert create_run(store, RunRecord("r2", "0")).number == 2

    def test_another_run_of_a_taken_id_is_refused(self, store: TrackingStore) -> None:
        other = store.create_experiment("a", 1).id
        create_run(store, RunRecord("r1", "0", start_time=5))
        for record in (RunRecord("r1", "0", start_time=6), RunRecord("r1", other, start_time=5), RunRecord("r1", "0")):
            with pytest.raises(AlreadyExists):
                create_run(store, record)
        assert create_run(store, RunRecord("r2", other)).number == 1

    def test_runs_made_together_are_numbered_in_the_order_given(self, store: TrackingStore) -> None:
        other = store.create_experiment("a", 1).id
        create_run(store, RunRecord("first", "0"))
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

    def test_creating_several_runs_returns_those_that_exist_already(self, store: TrackingStore) -> None:
        create_run(store, RunRecord("r1", "0", start_time=5))
        store.update_runs(("r1",), RunChanges(status="Completed"))
        records = [RunRecord("r2", "0"), RunRecord("r1", "0", start_time=5, params={"a": "b"}), RunRecord("r2", "0")]
        made = store.create_runs(records)
        assert [(record.id, record.number, record.status) for record in made] == [
            ("r2", 2, "NotStarted"), ("r1", 1, "Completed"), ("r2", 2, "NotStarted"),
        ]  # fmt: skip
        assert dict(get_run(store, "r1").params) == {}
        assert create_run(store, RunRecord("r3", "0")).number == 3

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
    def test_one_invalid_run_of_a_call_prevents_all(
        self, store: TrackingStore, bad: RunRecord, error: type[Exception]
    ) -> None:
        store.delete_experiment(store.create_experiment("gone", 1).id, 2)
        create_run(store, RunRecord("r1", "0", start_time=5))
        with pytest.raises(error):
            store.create_runs([RunRecord("r2", "0"), bad, RunRecord("r3", "0")])
        assert list(store.get_runs(["r1", "r2", "r3", "r4"])) == ["r1"]
        assert create_run(store, RunRecord("r2", "0")).number == 2

    def test_runs_are_read_together_as_one_by_one(self, store: TrackingStore) -> None:
        for run_id in ("a", "b", "c"):
            create_run(store, RunRecord(run_id, "0", tags={"own": run_id}))
            store.log(run_id, "loss", 0.5, 1)
            store.log(run_id, "text", run_id, 1)
        store.delete_runs(("b",), 1)
        found = store.get_runs(["c", "no", "b", "c"])
        assert list(found.items()) == [("c", get_run(store, "c")), ("b", get_run(store, "b"))]
        assert found["c"].latest["loss"].value == 0.5
        bare = store.get_runs(["a"], latest=False)["a"]
        assert (dict(bare.latest), dict(bare.latest_texts), dict(bare.tags)) == ({}, {}, {"own": "a"})
        assert store.get_runs([]) == {}

    def test_series_are_read_together_as_one_by_one(self, store: TrackingStore) -> None:
        for number, run_id in enumerate(("a", "b", "c", "d")):
            create_run(store, RunRecord(run_id, "0"))
            for key in ("loss", "accuracy", "text")[:number]:
                store.log(run_id, key, f"{number}" if key == "text" else number + 0.5, 1)
                # If the store has a journal, this read folds the point into the database. The next point of the series
                # is then in another row of the table `point_block`.
                get_series(store, run_id)
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

    def test_every_method_refuses_an_unknown_run(self, store: TrackingStore) -> None:
        for call in (
            lambda: get_run(store, "no"),
            lambda: store.update_runs(("no",), RunChanges()),
            lambda: store.delete_runs(("no",), 1),
            lambda: store.restore_runs(("no",)),
            lambda: store.log("no", "loss", 1.0, 1),
            lambda: store.check_writable("no"),
            lambda: get_series(store, "no"),
        ):
            with pytest.raises(NotFound):
                call()
