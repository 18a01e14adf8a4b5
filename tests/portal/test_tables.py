"""Tables of the portal have the values that the stores have."""

from __future__ import annotations

import math

import pytest
from portal_calls import Api

from bridge.records.run import RunRecord
from bridge.records.search import Comparison, Ordering, RunQuery
from bridge.store.frames import texts_of
from bridge.store.workspace_stores import WorkspaceStores


@pytest.fixture
def runs(stores: WorkspaceStores) -> list[str]:
    """Six runs: with metrics, with NaN, without metrics, and an archived one."""
    tracking = stores.tracking
    tracking.create_runs(
        [
            RunRecord(
                f"r{at}", "0", f"run {at}", status="Completed", start_time=1_000 + at, end_time=9_000 - 1_000 * at,
                params={"lr": str(at)} if at else {}, tags={"team, all": "vision", "empty": None} if at % 2 else {},
            )
            for at in range(6)
        ]
    )  # fmt: skip
    for at, value in enumerate([0.5, math.nan, 0.25, -math.inf]):
        tracking.log(f"r{at}", "loss", value + 1, 1, 0)
        tracking.log(f"r{at}", "loss", value, 2, 1)
    tracking.delete_runs(["r5"], 10)
    return [f"r{at}" for at in range(5)]


def test_a_table_has_the_values_of_the_runs(stores: WorkspaceStores, api: Api, runs: list[str]) -> None:
    answer = api.get(
        "/experiments/0/table", cols=r"name,metrics.loss,metrics.loss:max,params.lr,tags.team\, all,duration"
    )
    head, columns = answer.frame
    ids = texts_of(head, columns, "#id")
    records = stores.tracking.search_runs(RunQuery(("0",))).items
    assert answer.headers["content-type"] == "application/vnd.runbridge.frame"
    assert (ids, head["total"], columns["#number"].tolist()) == (
        [one.id for one in records], 5, [one.number for one in records],
    )  # fmt: skip
    assert texts_of(head, columns, "name") == [one.display_name for one in records]
    assert texts_of(head, columns, "params.lr") == [one.params.get("lr") for one in records]
    assert texts_of(head, columns, "tags.team, all") == [one.tags.get("team, all") for one in records]
    assert columns["duration"].tolist() == [(one.end_time or 0) - (one.start_time or 0) for one in records]
    latest = [one.latest["loss"].value if one.latest else math.nan for one in records]
    assert [repr(value) for value in columns["metrics.loss"].tolist()] == [repr(value) for value in latest]
    assert columns["metrics.loss#present"].tolist() == [bool(one.latest) for one in records]
    assert columns["metrics.loss:max"].tolist()[-1] == 1.5


@pytest.mark.parametrize(
    "sort, order",
    [
        ("metrics.loss", ["r3", "r2", "r0", "r1", "r4"]),
        ("-metrics.loss", ["r0", "r2", "r3", "r1", "r4"]),
        ("metrics.loss:max", ["r3", "r2", "r0", "r1", "r4"]),
        ("-metrics.loss:max", ["r0", "r2", "r3", "r1", "r4"]),
        ("duration", ["r4", "r3", "r2", "r1", "r0"]),
        ("-number", ["r4", "r3", "r2", "r1", "r0"]),
        ("tags.team\\, all,-duration", ["r1", "r3", "r0", "r2", "r4"]),
        ("tags.empty,duration", ["r4", "r3", "r2", "r1", "r0"]),  # a tag without a value counts as missing
        ("metrics.loss:@0", ["r3", "r2", "r0", "r1", "r4"]),
        ("-metrics.loss:@0,number", ["r0", "r2", "r3", "r1", "r4"]),
    ],
)
def test_rows_are_ordered_by_every_column(api: Api, runs: list[str], sort: str, order: list[str]) -> None:
    head, columns = api.get("/experiments/0/table", sort=sort, cols="duration").frame
    assert texts_of(head, columns, "#id") == order
    assert api.get("/experiments/0/match", sort=sort).frame[1]["#number"].tolist() == columns["#number"].tolist()
    part, rows = api.get("/experiments/0/table", sort=sort, offset=1, limit=2, cols="duration").frame
    assert (texts_of(part, rows, "#id"), part["total"], part["offset"]) == (order[1:3], 5, 1)
    assert rows["duration"].tolist() == columns["duration"].tolist()[1:3]


def test_a_column_is_the_value_at_a_step(stores: WorkspaceStores, api: Api, runs: list[str]) -> None:
    stores.tracking.log("r0", "loss", 7.5, 3, 1)  # the last value of a step counts
    stores.tracking.log("r2", "a:@1", 4.0, 3, -5)
    head, columns = api.get(
        "/experiments/0/table", cols="metrics.loss:@0,metrics.loss:@1,metrics.loss:@7,metrics.a:@1:@-5,name"
    ).frame
    assert texts_of(head, columns, "#id") == ["r4", "r3", "r2", "r1", "r0"]
    shown = {name: [repr(value) for value in columns[name].tolist()] for name in columns if name.startswith("metrics.")}
    assert shown["metrics.loss:@0"] == ["nan", "-inf", "1.25", "nan", "1.5"]
    assert columns["metrics.loss:@0#present"].tolist() == [0, 1, 1, 1, 1]
    assert shown["metrics.loss:@1"] == ["nan", "-inf", "0.25", "nan", "7.5"]
    assert set(shown["metrics.loss:@7"]) == {"nan"} and "metrics.loss:@7#present" not in columns
    assert shown["metrics.a:@1:@-5"] == ["nan", "nan", "4.0", "nan", "nan"]
    assert texts_of(head, columns, "name")[0] == "run 4"


def test_columns_have_the_steps_of_the_extremes(api: Api, runs: list[str]) -> None:
    columns = api.get("/experiments/0/table", cols="metrics.loss:min_step,metrics.loss:max_step").frame[1]
    assert [repr(value) for value in columns["metrics.loss:max_step"].tolist()] == ["nan", "0.0", "0.0", "nan", "0.0"]
    assert [repr(value) for value in columns["metrics.loss:min_step"].tolist()] == ["nan", "0.0", "1.0", "nan", "1.0"]


def test_the_value_at_a_step_cannot_be_grouped(api: Api) -> None:
    for parameters in ({"by": "metrics.loss:@1"}, {"by": "status", "of": "metrics.loss:@1"}):
        answer = api.get("/experiments/0/groups", **parameters)
        assert (answer.status, "at a step" in answer.sentence) == (400, True)


def test_a_filter_and_a_list_of_ids_choose_rows(stores: WorkspaceStores, api: Api, runs: list[str]) -> None:
    query = RunQuery(("0",), (Comparison("metric", "loss", "<", 0.3),), (Ordering("param", "lr"),))
    expected = list(stores.tracking.search_run_ids(query).items)
    head, columns = api.get("/experiments/0/table", q="metrics.loss < 0.3", sort="params.lr").frame
    assert texts_of(head, columns, "#id") == expected == ["r2", "r3"]
    head, columns = api.get("/experiments/0/table", q="metrics.loss < 0.3", ids="r3,r0,r5,none").frame
    assert texts_of(head, columns, "#id") == ["r3"]
    head, columns = api.get("/experiments/0/table", view="deleted").frame
    assert texts_of(head, columns, "#id") == ["r5"]


def test_children_in_all_experiments_are_a_table(stores: WorkspaceStores, api: Api, runs: list[str]) -> None:
    other = stores.tracking.create_experiment("other", 1).id
    stores.tracking.create_runs([RunRecord("c1", other, parent_id="r1"), RunRecord("c2", other, parent_id="c1")])
    for recursive, expected in ("", {"c1"}), ("1", {"c1", "c2"}):
        head, columns = api.get("/experiments/0/table", below="r1", recursive=recursive).frame
        assert set(texts_of(head, columns, "#id")) == expected


def test_groups_have_the_values_of_the_views(stores: WorkspaceStores, api: Api, runs: list[str]) -> None:
    head, columns = api.get("/experiments/0/groups", by="tags.team\\, all,status", of="metrics.loss,duration").frame
    assert texts_of(head, columns, "tags.team, all") == [None, "vision"]
    assert texts_of(head, columns, "status") == ["Completed", "Completed"]
    assert columns["#runs"].tolist() == [3, 2]
    assert head["ids"] == [["r4", "r2", "r0"], ["r3", "r1"]]
    assert columns["metrics.loss#count"].tolist() == [2, 1]
    assert columns["metrics.loss#mean"].tolist() == [0.375, -math.inf]
    assert columns["duration#maximum"].tolist() == [9_000 - 1_000, 8_000 - 1_001]


def test_keys_are_those_of_the_views(stores: WorkspaceStores, api: Api, runs: list[str]) -> None:
    found = api.get("/experiments/0/keys").json
    expected = stores.tracking.views.list_keys(["0"]).items
    assert [(one["entity"], one["key"], one["runs"], one["type"]) for one in found["keys"]] == [
        (one.entity, one.key, one.runs, one.value_type) for one in expected
    ]
    assert found["keys"][0]["kind"] == "scalar"
    first = api.get("/experiments/0/keys", limit=1).json
    rest = api.get("/experiments/0/keys", limit=10, page=first["next"]).json
    assert first["keys"] + rest["keys"] == found["keys"]
    assert [one["key"] for one in api.get("/experiments/0/keys", entity="param", prefix="l").json["keys"]] == ["lr"]


@pytest.mark.parametrize(
    "parameters, part",
    [
        ({"cols": "nonsense"}, "column 'nonsense'"),
        ({"sort": "metrics."}, "column 'metrics.'"),
        ({"sort": ",".join(f"params.p{n}" for n in range(9))}, "at most 8 keys"),
        ({"offset": "-1"}, "offset '-1'"),
        ({"limit": "x"}, "limit 'x'"),
        ({"view": "other"}, "view 'other'"),
        ({"q": "metrics.loss <"}, "filter"),
        ({"q": " and ".join(["metrics.loss < 1"] * 65)}, "at most 64 clauses"),
        ({"q": f"attributes.run_id IN ({','.join(repr(str(n)) for n in range(1001))})"}, "at most 1000 values"),
        ({"q": "params.a = '" + "x" * 16_000 + "'"}, "at most 16000 bytes"),
        ({"ids": ",".join(f"r{n}" for n in range(1001))}, "at most 1000 entries"),
    ],
)
def test_a_wrong_parameter_is_refused_with_a_sentence(api: Api, parameters: dict[str, str], part: str) -> None:
    answer = api.get("/experiments/0/table", **parameters)
    assert answer.status == 400
    assert part in answer.sentence
    assert "Traceback" not in answer.sentence


def test_an_experiment_that_does_not_exist_is_reported(api: Api) -> None:
    answer = api.get("/experiments/17/table")
    assert (answer.status, answer.json["error"]["kind"]) == (404, "NotFound")
    assert api.get("/experiments/x/keys").status == 404


@pytest.mark.parametrize(
    "text, place",
    [
        ("metrics.loss < 0.3 and params.lr = '1'", None),
        ("metrics.loss < 0.3 and parms.lr = '1'", (23, 37)),
        ("metrics.loss < 'a' and params.lr = '1'", (0, 18)),
        ("metrics.loss < 1 and params.lr", (21, 30)),
        ("", None),
    ],
)
def test_a_mistake_in_a_filter_has_a_place(api: Api, text: str, place: tuple[int, int] | None) -> None:
    found = api.get("/check", q=text).json
    error = found["error"]
    assert (error and (error["start"], error["end"])) == place
    assert error is None or error["sentence"]
    assert len(found["clauses"]) == (0 if place or not text else 2)
