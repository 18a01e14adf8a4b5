"""The conformance suite of searches. `bridge.testing.oracle.search` implements the rules of all conditions."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from bridge.errors import InvalidValue
from bridge.records.run import SOURCE_PROPERTY, RunChanges, RunRecord, Status
from bridge.records.search import Comparison, ExperimentQuery, Ordering, RunQuery
from bridge.store.one_run import create_run, get_run
from bridge.store.run_listing import list_runs
from bridge.store.tracking import TrackingStore


def run_ids(store: TrackingStore, *clauses: Comparison, order: tuple[Ordering, ...] = ()) -> list[str]:
    """Return the ids of the runs of experiment 0 that meet all conditions."""
    return [record.id for record in store.search_runs(RunQuery(("0",), clauses, order)).items]


def ids_of_pages(store: TrackingStore, query: RunQuery) -> Iterator[str]:
    """Yield the ids of the runs of a page and of all pages after it."""
    while True:
        page = store.search_run_ids(query)
        yield from page.items
        if page.next_token is None:
            return
        query = replace(query, page_token=page.next_token)


class SearchPromises:
    """The tests of searches, which `TrackingStoreTests` inherits. Each test checks one promise of the interface."""

    def test_runs_are_found_whole(self, store: TrackingStore) -> None:
        create_run(store, RunRecord("r1", "0", params={"a": "1"}, tags={"b": None}, properties={"c": "2"}))
        store.log("r1", "loss", 0.5, 1)
        store.log("r1", "text", "x", 1)
        (found,) = store.search_runs(RunQuery(("0",))).items
        assert found == get_run(store, "r1")
        assert found.latest["loss"].value == 0.5

    def test_runs_come_by_start_time_descending_then_id(self, store: TrackingStore) -> None:
        for run_id, start_time in (("b", 5), ("d", None), ("a", 5), ("c", 9), ("e", None)):
            create_run(store, RunRecord(run_id, "0", start_time=start_time))
        assert run_ids(store) == ["c", "a", "b", "d", "e"]

    def test_a_stage_is_asked_for(self, store: TrackingStore) -> None:
        for run_id in ("a", "b", "c"):
            create_run(store, RunRecord(run_id, "0"))
        store.delete_runs(("b",), 1)
        found = {
            view: [record.id for record in store.search_runs(RunQuery(("0",), view=view)).items]
            for view in ("active", "deleted", "all")
        }
        assert found == {"active": ["a", "c"], "deleted": ["b"], "all": ["a", "b", "c"]}

    def test_a_search_ignores_unknown_experiments(self, store: TrackingStore) -> None:
        one, two = store.create_experiment("one", 1).id, store.create_experiment("two", 1).id
        for run_id, experiment_id in (("a", "0"), ("b", one), ("c", two)):
            create_run(store, RunRecord(run_id, experiment_id))
        ids = (two, "99", one, "no", one)
        assert [record.id for record in store.search_runs(RunQuery(ids)).items] == ["b", "c"]
        assert store.search_runs(RunQuery(())).items == ()
        assert store.search_runs(RunQuery(("99",))).items == ()

    def test_pages_together_are_the_whole(self, store: TrackingStore) -> None:
        for number in range(7):
            create_run(store, RunRecord(f"r{number}", "0", start_time=number % 2))
        whole = run_ids(store)
        for size in (1, 3, 7, 8):
            pages, token = [], None
            while True:
                page = store.search_runs(RunQuery(("0",), max_results=size, page_token=token))
                pages += [record.id for record in page.items]
                assert len(page.items) <= size
                if page.next_token is None:
                    break
                token = page.next_token
            assert pages == whole

    @pytest.mark.parametrize("ascending", [True, False])
    def test_pages_follow_the_order_of_a_metric(self, store: TrackingStore, ascending: bool) -> None:
        values = (0.5, 0.1, float("nan"), 0.5, float("inf"), None, 0.1, float("nan"), 0.5, None, -0.0, 0.0)
        for number, value in enumerate(values):
            create_run(store, RunRecord(f"r{number:02}", "0", start_time=number // 2))
            if value is not None:
                store.log(f"r{number:02}", "loss", value, 1)
        query = RunQuery(("0",), order=(Ordering("metric", "loss", ascending),))
        whole = store.search_run_ids(query).items
        assert len(whole) == len(values) and set(whole[-2:]) == {"r05", "r09"} and set(whole[-4:-2]) == {"r02", "r07"}
        for size in (1, 2, 5, 12):
            assert tuple(ids_of_pages(store, replace(query, max_results=size))) == whole

    def test_a_token_stays_valid_if_runs_change(self, store: TrackingStore) -> None:
        for number in range(6):
            create_run(store, RunRecord(f"r{number}", "0", tags={"a": str(number)}))
        query = RunQuery(("0",), order=(Ordering("tag", "a"),), max_results=2)
        first = store.search_runs(query)
        store.purge_runs(["r1"])
        store.update_runs(("r3",), RunChanges(tags={"a": "9"}))
        rest = list(ids_of_pages(store, replace(query, page_token=first.next_token)))
        assert len(rest) == len({*rest}) and {*rest} <= {"r2", "r3", "r4", "r5"} and rest[-1] == "r3"

    def test_ids_are_those_of_the_runs_that_a_search_finds(self, store: TrackingStore) -> None:
        for number in range(7):
            create_run(store, RunRecord(f"r{number}", "0", start_time=number % 3))
        store.delete_runs(("r2",), 1)
        token = store.search_runs(RunQuery(("0",), max_results=2)).next_token
        pages: list[dict[str, Any]] = [{}, {"max_results": 2}, {"max_results": 2, "page_token": token}]
        for page in (*pages, {"view": "deleted"}, {"view": "all"}):
            runs, ids = store.search_runs(RunQuery(("0",), **page)), store.search_run_ids(RunQuery(("0",), **page))
            assert (ids.items, ids.next_token) == (tuple(run.id for run in runs.items), runs.next_token)

    def test_a_listing_omits_runs_that_are_created_or_deleted_while_it_is_read(self, store: TrackingStore) -> None:
        for number in range(4):
            create_run(store, RunRecord(f"r{number}", "0", start_time=number, params={"a": str(number)}))
        store.log("r3", "loss", 0.5, 1)
        whole = [get_run(store, f"r{number}") for number in (3, 2, 1, 0)]
        assert list(list_runs(store, RunQuery(("0",)))) == whole
        assert not next(list_runs(store, RunQuery(("0",)), latest=False)).latest
        listed = list_runs(store, RunQuery(("0",)))
        create_run(store, RunRecord("new", "0", start_time=9))
        store.delete_runs(("r2",), 1)
        store.purge_runs(["r1"])
        assert [record.id for record in listed] == ["r3", "r0"]

    def test_children_and_descendants_of_a_run_are_found(self, store: TrackingStore) -> None:
        other = store.create_experiment("other", 1).id
        parents = {"top": None, "a": "top", "b": "top", "aa": "a", "aaa": "aa", "beside": "elsewhere"}
        for number, (run_id, parent_id) in enumerate(parents.items()):
            experiment_id = other if run_id == "aa" else "0"
            create_run(store, RunRecord(run_id, experiment_id, start_time=number, parent_id=parent_id))

        def below(run_id: str, recursive: bool, *ids: str, **rest: object) -> list[str]:
            query = RunQuery(ids, below=run_id, recursive=recursive, **rest)  # type: ignore[arg-type]  # own calls
            return [record.id for record in store.search_runs(query).items]

        assert below("top", False) == ["b", "a"]
        assert below("top", True) == ["aaa", "aa", "b", "a"]
        assert below("a", True) == ["aaa", "aa"]
        assert below("aaa", True) == below("no", True) == []
        assert below("elsewhere", True) == ["beside"]
        assert below("top", True, "0") == ["aaa", "b", "a"]
        assert below("top", True, other) == ["aa"]
        assert below("top", True, "99") == []
        assert below("top", True, filter=(Comparison("attribute", "run_id", "LIKE", "a%"),), max_results=2) == [
            "aaa", "aa",
        ]  # fmt: skip
        store.delete_runs(("a",), 1)
        assert below("top", False) == ["b"]
        assert below("top", True) == ["aaa", "aa", "b"]
        assert below("top", True, view="deleted") == ["a"]

    def test_runs_that_are_each_others_parents_have_an_end(self, store: TrackingStore) -> None:
        for run_id, parent_id in (("a", "c"), ("b", "a"), ("c", "b"), ("self", "self")):
            create_run(store, RunRecord(run_id, "0", parent_id=parent_id))

        def below(run_id: str, recursive: bool) -> list[str]:
            return [record.id for record in store.search_runs(RunQuery((), below=run_id, recursive=recursive)).items]

        assert below("a", True) == ["b", "c"]
        assert below("a", False) == ["b"]
        assert below("self", True) == below("self", False) == []

    def test_properties_are_searched_and_sorted_whatever_tags_have_their_keys(self, store: TrackingStore) -> None:
        create_run(store, RunRecord("a", "0", properties={"owner": "ada"}, tags={"owner": "bob"}))
        create_run(store, RunRecord("b", "0", tags={"owner": "ada"}))
        create_run(store, RunRecord("c", "0", properties={"owner": "bob"}))
        assert run_ids(store, Comparison("property", "owner", "=", "ada")) == ["a"]
        assert run_ids(store, Comparison("property", "owner", "!=", "ada")) == ["c"]
        assert run_ids(store, Comparison("property", "owner", "IS NULL")) == ["b"]
        ordered = store.search_runs(RunQuery(("0",), order=(Ordering("property", "owner", ascending=False),))).items
        assert [record.id for record in ordered] == ["c", "a", "b"]

    def test_runs_of_a_type_are_those_whose_type_or_source_is_it(self, store: TrackingStore) -> None:
        create_run(store, RunRecord("a", "0", type="azureml.scriptrun"))
        create_run(store, RunRecord("b", "0", properties={SOURCE_PROPERTY: "azureml.scriptrun"}))
        create_run(store, RunRecord("c", "0", type="azureml.scriptrun", properties={SOURCE_PROPERTY: "other"}))
        create_run(store, RunRecord("d", "0", tags={SOURCE_PROPERTY: "azureml.scriptrun"}))
        assert store.search_run_ids(RunQuery(("0",), of_type="azureml.scriptrun")).items == ("a", "b", "c")
        assert store.search_run_ids(RunQuery(("0",), of_type="other")).items == ("c",)
        assert store.search_run_ids(RunQuery(("0",), of_type="none")).items == ()

    def test_the_type_of_a_run_is_searched(self, store: TrackingStore) -> None:
        create_run(store, RunRecord("a", "0", type="azureml.scriptrun"))
        create_run(store, RunRecord("b", "0"))
        assert run_ids(store, Comparison("attribute", "type", "=", "azureml.scriptrun")) == ["a"]
        assert run_ids(store, Comparison("attribute", "type", "!=", "x")) == ["a"]
        assert run_ids(store, Comparison("attribute", "type", "IS NULL")) == ["b"]
        assert run_ids(store, order=(Ordering("attribute", "type"),)) == ["a", "b"]

    @pytest.mark.parametrize(
        "token",
        [
            "no token",
            "\udcff",
            "é",
            *(
                base64.b64encode(json.encode()).decode()
                for json in ("1", "[]", "{}", '{"offset": -1}', '{"offset": 1.5}')
            ),
            base64.b64encode(b'{"offset": true}').decode(),
            base64.b64encode(b"[" * 100_000).decode(),
            base64.b64encode(b"\xff").decode(),
        ],
        ids=lambda token: ascii(token)[:20],
    )
    def test_a_token_that_no_page_gave_is_refused(self, store: TrackingStore, token: str) -> None:
        with pytest.raises(InvalidValue):
            store.search_runs(RunQuery(("0",), page_token=token))
        with pytest.raises(InvalidValue):
            store.search_experiments(ExperimentQuery(page_token=token))

    def test_metrics_are_compared_by_their_latest_value(self, store: TrackingStore) -> None:
        logged = {"low": 0.1, "high": 0.9, "nan": float("nan"), "inf": float("inf"), "int": 1}
        for run_id, value in logged.items():
            create_run(store, RunRecord(run_id, "0"))
            store.log(run_id, "loss", 0.5, 1, 0)
            store.log(run_id, "loss", value, 1, 1)
        create_run(store, RunRecord("without", "0"))
        create_run(store, RunRecord("text", "0"))
        store.log("text", "loss", "0.1", 1)
        assert set(run_ids(store, Comparison("metric", "loss", "<", 0.5))) == {"low"}
        assert set(run_ids(store, Comparison("metric", "loss", ">=", 0.9))) == {"high", "inf", "int"}
        assert set(run_ids(store, Comparison("metric", "loss", "!=", 0.1))) == {"high", "nan", "inf", "int"}
        assert set(run_ids(store, Comparison("metric", "loss", "=", 1))) == {"int"}
        assert set(run_ids(store, Comparison("metric", "loss", ">", 1e308))) == {"inf"}
        ordered = run_ids(store, order=(Ordering("metric", "loss"),))
        assert ordered == ["low", "high", "int", "inf", "nan", "text", "without"]
        ordered = run_ids(store, order=(Ordering("metric", "loss", ascending=False),))
        assert ordered == ["inf", "int", "high", "low", "nan", "text", "without"]

    def test_params_tags_and_attributes_are_compared_as_text(self, store: TrackingStore) -> None:
        create_run(store, RunRecord("a", "0", "First", params={"m": "cnn"}, tags={"team": "vision"}, status="Running"))
        create_run(store, RunRecord("b", "0", "second", params={"m": "CNN"}, tags={"team": "audio"}))
        create_run(store, RunRecord("c", "0", "third", status="Failed"))
        assert run_ids(store, Comparison("param", "m", "=", "cnn")) == ["a"]
        assert run_ids(store, Comparison("param", "m", "!=", "cnn")) == ["b"]
        assert run_ids(store, Comparison("param", "m", "ILIKE", "c%")) == ["a", "b"]
        assert run_ids(store, Comparison("tag", "team", "LIKE", "vis%")) == ["a"]
        assert run_ids(store, Comparison("tag", "team", "IS NULL")) == ["c"]
        assert run_ids(store, Comparison("attribute", "run_id", "IN", ("a", "c", "x"))) == ["a", "c"]
        assert run_ids(store, Comparison("attribute", "status", "=", "Failed")) == ["c"]
        both = Comparison("param", "m", "ILIKE", "cnn"), Comparison("tag", "team", "=", "audio")
        assert run_ids(store, *both) == ["b"]
        assert run_ids(store, order=(Ordering("attribute", "display_name", ascending=False),)) == ["c", "b", "a"]

    def test_an_order_by_ranks_treats_the_values_of_a_group_as_equal(self, store: TrackingStore) -> None:
        statuses: tuple[Status, ...] = ("Running", "Queued", "Failed", "Finalizing", "Completed")
        store.create_runs([RunRecord(id, "0", status=status) for id, status in zip("abcde", statuses, strict=True)])
        order = Ordering("attribute", "status", ranks=(("Failed",), ("Running", "Finalizing"), ("Queued",)))
        assert run_ids(store, order=(order,)) == ["c", "a", "d", "b", "e"]
        assert run_ids(store, order=(replace(order, ascending=False),)) == ["b", "a", "d", "c", "e"]

    def test_a_change_is_found_by_the_next_search(self, store: TrackingStore, other: TrackingStore) -> None:
        create_run(store, RunRecord("a", "0"))
        store.update_runs(("a",), RunChanges(tags={"x": "1"}, status="Completed"))
        assert run_ids(other, Comparison("tag", "x", "=", "1"), Comparison("attribute", "status", "=", "Completed"))
        store.update_runs(("a",), RunChanges(removed_tags=("x",)))
        assert not run_ids(other, Comparison("tag", "x", "=", "1"))

    def test_experiments_come_by_creation_time_descending_then_id(self, store: TrackingStore) -> None:
        far = 2**50
        for name, creation_time in (("a", far), ("b", far + 1), ("c", far)):
            store.create_experiment(name, creation_time)
        names = [record.name for record in store.search_experiments(ExperimentQuery()).items]
        assert names == ["b", "a", "c", "Default"]

    def test_experiments_are_found_by_stage_name_and_tag(self, store: TrackingStore) -> None:
        one = store.create_experiment("one", 1, tags={"x": "1"})
        store.create_experiment("two", 2, tags={"x": "2"})
        store.delete_experiment(one.id, 3)

        def names(*clauses: Comparison, **rest: object) -> list[str]:
            query = ExperimentQuery(clauses, **rest)  # type: ignore[arg-type]  # the test's own calls
            return [record.name for record in store.search_experiments(query).items]

        assert names() == ["Default", "two"]
        assert names(view="deleted") == ["one"]
        assert names(Comparison("attribute", "name", "LIKE", "t%"), view="all") == ["two"]
        assert names(Comparison("tag", "x", "!=", "2"), view="all") == ["one"]
        assert names(view="all", order=(Ordering("attribute", "name"),)) == ["Default", "one", "two"]
        first = store.search_experiments(ExperimentQuery(max_results=1, view="all"))
        rest = store.search_experiments(ExperimentQuery(view="all", page_token=first.next_token))
        assert [record.name for record in (*first.items, *rest.items)] == ["Default", "two", "one"]
