"""The page of a run has what the stores have of it."""

from __future__ import annotations

import json
import math
import sys

import pytest
from portal_calls import Api

from bridge.records.run import Dataset, DatasetInput, ModelOutput, RunRecord
from bridge.records.series import CONFUSION_MATRIX, DESCRIPTION, IMAGE, Point
from bridge.source.empty import SNAPSHOT_PROPERTY
from bridge.source.recorded_environment import ENVIRONMENT_PROPERTY, keep_environment
from bridge.store.workspace_stores import WorkspaceStores
from bridge.testing.strategies import row


@pytest.fixture
def run(stores: WorkspaceStores) -> RunRecord:
    """A run with everything."""
    tracking = stores.tracking
    tracking.create_runs([RunRecord("top", "0", display_name="above"), RunRecord("p", "0", parent_id="top")])
    tracking.begin_runs(
        [
            RunRecord(
                "r", "0", display_name="<img src=x onerror=alert(1)>", status="Running", start_time=1, end_time=None,
                description="# note", user="ada", parent_id="p", error=json.dumps({"message": "broken"}),
                definition="not JSON", params={"z": "1", "a": "2"}, tags={"t": None, "u": "v"},
                properties={SNAPSHOT_PROPERTY: "00000000-0000-8000-8000-000000000000"},
                dataset_inputs=(DatasetInput(Dataset("set", "d1", "local", "here"), {"mlflow.data.context": "train"}),),
                model_outputs=(ModelOutput("m-1", 3),),
            )
        ]
    )  # fmt: skip
    tracking.create_runs([RunRecord("c", "0", parent_id="r")])
    tracking.log_points(
        "r",
        [
            Point("loss", 0.5, 1, 0), Point("loss", math.nan, 2, 1), Point("loss", math.inf, 3, 2),
            Point("loss", "the loss", 3, kind=DESCRIPTION),
            Point("note", "hello", 4), Point("flag", True, 4), Point("big", 2**60, 5),
            Point("image", "images/a.png", 5, 7, IMAGE), Point("cm", "cm/1.json", 5, 8, CONFUSION_MATRIX),
            *row("table", {"x": 1.0, "y": "b"}, 6, 0), *row("table", {"x": 2.0}, 6, 1),
        ],
    )  # fmt: skip
    return tracking.get_runs(["r"])["r"]


def test_a_run_has_everything_that_is_stored(stores: WorkspaceStores, api: Api, run: RunRecord) -> None:
    found = api.get("/runs/r").json
    for name in ("id", "status", "user", "number", "start_time", "end_time", "parent_id", "description"):
        assert found[name] == getattr(run, name)
    assert found["name"] == run.display_name
    assert found["params"] == [["z", "1"], ["a", "2"]]
    assert found["tags"] == [["t", None], ["u", "v"]]
    assert (found["error"], found["definition"]) == ({"message": "broken"}, "not JSON")
    latest = {(one["key"], one["column"]): one for one in found["latest"]}
    assert latest["loss", ""] == {"key": "loss", "column": "", "value": "Infinity", "timestamp": 3, "step": 2}
    assert latest["table", "x"]["value"] == 2.0
    assert found["latest_texts"] == [["note", "hello"], ["flag", True]]
    assert found["experiment"] == {"id": "0", "name": "Default", "stage": "active"}
    assert [one["id"] for one in found["parents"]] == ["top", "p"]
    (lease,) = stores.tracking.get_leases()
    assert (found["children"], found["owner"]) == (1, {"journal": lease.journal_id, "renewed": lease.time})
    assert found["inputs"][0]["tags"] == {"mlflow.data.context": "train"}
    assert found["model_outputs"] == [{"id": "m-1", "step": 3}]


def test_a_run_has_its_recorded_environment(stores: WorkspaceStores, api: Api) -> None:
    id = keep_environment(stores.artifacts)
    for name, value in (("r", id), ("elsewhere", "../../workspace"), ("missing", "0" * 32)):
        stores.tracking.create_runs([RunRecord(name, "0", properties={ENVIRONMENT_PROPERTY: value})])
    stores.tracking.create_runs([RunRecord("none", "0")])
    found = api.get("/runs/r").json["recorded"]
    assert (found["executable"], "numpy" in found["packages"]) == (sys.executable, True)
    ids = ("r", "elsewhere", "missing", "none")
    compared = api.get("/compare", runs=",".join(ids)).json["runs"]
    assert [one["recorded"] for one in compared] == [found, None, None, None]


def test_metrics_have_their_kinds_and_extremes(api: Api, run: RunRecord) -> None:
    found = {one["key"]: one for one in api.get("/runs/r/metrics").json["metrics"]}
    assert list(found) == ["loss", "note", "flag", "big", "image", "cm", "table"]
    assert (found["loss"]["kinds"], found["loss"]["description"]) == (["scalar"], "the loss")
    (series,) = found["loss"]["series"]
    assert (series["points"], series["last"], series["minimum"], series["maximum"]) == (3, "Infinity", 0.5, "Infinity")
    assert (series["step"], series["type"]) == (2, "number")
    assert (found["note"]["series"][0]["last"], found["flag"]["series"][0]["last"]) == ("hello", True)
    assert (found["image"]["kinds"], found["cm"]["kinds"]) == (["image"], ["confusion_matrix"])
    assert [one["column"] for one in found["table"]["series"]] == ["x", "y"]


def test_the_list_of_metrics_reads_no_points(
    stores: WorkspaceStores, api: Api, run: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[object] = []
    monkeypatch.setattr(type(stores.tracking), "get_series_of", lambda *arguments: reads.append(arguments))
    assert len(api.get("/runs/r/metrics").json["metrics"]) == 7 and reads == []


def test_values_are_points_rows_and_files(api: Api, run: RunRecord) -> None:
    loss = api.get("/runs/r/values/loss").json
    assert loss["points"] == {
        "first": 0,
        "steps": [0, 1, 2],
        "timestamps": [1, 2, 3],
        "values": [0.5, "NaN", "Infinity"],
    }
    assert (loss["table"], loss["files"], loss["description"]) == (None, [], "the loss")
    table = api.get("/runs/r/values/table").json["table"]
    assert table["columns"] == {"x": [1.0, 2.0], "y": ["b", None]}
    assert api.get("/runs/r/values/table", limit=1).json["table"]["first"] == 1
    assert api.get("/runs/r/values/cm").json["files"] == [
        {"kind": "confusion_matrix", "path": "cm/1.json", "step": 8, "timestamp": 5}
    ]
    assert api.get("/runs/r/values/none").status == 404
    assert api.get("/runs/none/values/loss").status == 404


def test_a_run_in_a_circle_of_parents_is_shown(stores: WorkspaceStores, api: Api) -> None:
    stores.tracking.create_runs([RunRecord("a", "0", parent_id="b"), RunRecord("b", "0", parent_id="a")])
    assert [one["id"] for one in api.get("/runs/a").json["parents"]] == ["b"]


def test_home_counts_the_runs_of_each_experiment(stores: WorkspaceStores, api: Api, run: RunRecord) -> None:
    import time

    now = time.time_ns() // 1_000_000
    other = stores.tracking.create_experiment("other", now, tags={"mlflow.note.content": "\n first line \nsecond"}).id
    stores.tracking.create_runs(
        [
            RunRecord("o1", other, status="Completed", start_time=now - 3 * 86_400_000, end_time=now),
            RunRecord("o2", other, status="Failed", start_time=now),
        ]
    )
    found = api.get("/home").json
    first, second = found["experiments"]
    assert (first["name"], first["first_line"], first["runs"]) == ("other", "first line", 2)
    assert (first["by_status"], first["last_activity"]) == ({"Completed": 1, "Failed": 1}, now)
    assert (sum(first["days"]), first["days"][-1], first["days"][-4]) == (2, 1, 1)
    assert (second["id"], second["runs"]) == ("0", 4)
    assert {one["id"] for one in found["running"]} == {"r", "top", "p", "c"}
    shown = next(one for one in found["running"] if one["id"] == "r")
    assert {"key": "loss", "value": "Infinity", "step": 2} in shown["latest"]


def test_an_empty_workspace_has_a_home(api: Api) -> None:
    found = api.get("/home").json
    assert [(one["id"], one["runs"], one["last_activity"]) for one in found["experiments"]] == [("0", 0, None)]


def test_the_search_finds_runs_experiments_and_keys(stores: WorkspaceStores, api: Api, run: RunRecord) -> None:
    stores.tracking.create_experiment("Loss studies", 1)
    found = api.get("/search", text="LOSS").json
    assert [one["name"] for one in found["experiments"]] == ["Loss studies"]
    assert ("metric", "loss") in [(one["entity"], one["key"]) for one in found["keys"]]
    assert [one["id"] for one in api.get("/search", text="onerror").json["runs"]] == ["r"]
    assert [one["id"] for one in api.get("/search", text="top").json["runs"]] == ["top"]
    stores.artifacts.put("0/r/artifacts", "outputs/Model.bin", b"1")
    assert api.get("/search", text="model").json["files"] == [
        {"path": "outputs/Model.bin", "size": 1, "run_id": "r", "run": run.display_name}
    ]
    assert api.get("/search", text="").json["runs"] == []
    assert api.get("/search", text="%' OR 1=1 --").json["runs"] == []


def test_an_experiment_has_its_note_and_counts(stores: WorkspaceStores, api: Api, run: RunRecord) -> None:
    stores.tracking.set_experiment_tags("0", {"mlflow.note.content": "# All", "team": "vision"})
    stores.tracking.delete_runs(["c"], 1)
    found = api.get("/experiments/0").json
    assert (found["note"], found["tags"]) == ("# All", [["team", "vision"]])
    assert (found["runs"], found["deleted"], found["by_status"]) == (3, 1, {"NotStarted": 2, "Running": 1})


def test_runs_are_compared_with_their_sources(stores: WorkspaceStores, api: Api, run: RunRecord) -> None:
    found = api.get("/compare", runs="c,r,none").json["runs"]
    assert [(one["id"], one["experiment"]["name"], one["source"]) for one in found] == [
        ("c", "Default", None), ("r", "Default", None),
    ]  # fmt: skip
    assert api.get("/compare").status == 400
