"""Changes from the page change what the stores have, and nothing else."""

from __future__ import annotations

import json

import pytest
from portal_calls import Answer, Api

from bridge.records.run import RunRecord
from bridge.store.workspace_stores import WorkspaceStores

RUNS = ["a", "b", "c"]


@pytest.fixture(autouse=True)
def runs(stores: WorkspaceStores) -> list[str]:
    """Three runs, one with a tag."""
    stores.tracking.create_runs(
        [RunRecord(id, "0", display_name=id, tags={"old": "1"} if id == "a" else {}) for id in RUNS]
    )
    return RUNS


def patch(api: Api, path: str, body: object) -> Answer:
    return api.send("PATCH", path, json.dumps(body).encode())


def test_runs_are_changed_together(stores: WorkspaceStores, api: Api) -> None:
    changes = {"name": "new", "description": "# note", "tags": {"team": "vision", "mark": None}, "remove_tags": ["old"]}
    answer = patch(api, "/runs", {"runs": ["a", "b"], "changes": changes})
    assert (answer.status, answer.json["runs"]) == (200, 2)
    found = stores.tracking.get_runs(RUNS)
    for id in ("a", "b"):
        assert (found[id].display_name, found[id].description) == ("new", "# note")
        assert found[id].tags == {"team": "vision", "mark": None}
    assert (found["c"].display_name, found["c"].tags) == ("c", {})
    patch(api, "/runs", {"runs": ["a"], "changes": {"description": ""}})
    assert stores.tracking.get_runs(["a"])["a"].description is None


def test_runs_are_archived_restored_and_purged(stores: WorkspaceStores, api: Api) -> None:
    stores.artifacts.put("0/a/artifacts", "x", b"1")
    assert api.post("/runs/archive", {"runs": ["a", "b"]}).status == 200
    assert stores.tracking.get_active_runs(RUNS) == {"c"}
    assert api.post("/runs/restore", {"runs": ["b"]}).status == 200
    assert stores.tracking.get_active_runs(RUNS) == {"b", "c"}
    for confirm in (None, 1, 3, "2", [2]):
        answer = api.post("/runs/purge", {"runs": ["a", "b"], "confirm": confirm})
        assert (answer.status, "must be 2, the number of runs" in answer.sentence) == (400, True)
    assert len(stores.tracking.get_runs(RUNS)) == 3
    assert api.post("/runs/purge", {"runs": ["a"], "confirm": True}).status == 400, "true is not the number 1"
    assert api.post("/runs/purge", {"runs": ["a", "b", "a"], "confirm": 2}).status == 200
    assert list(stores.tracking.get_runs(RUNS)) == ["c"]
    assert stores.artifacts.list("0/a/artifacts") == []


@pytest.mark.parametrize(
    "body, part",
    [
        ({"runs": [], "changes": {"name": "x"}}, "at least one run id"),
        ({"changes": {"name": "x"}}, "at least one run id"),
        ({"runs": ["a"]}, "changes"),
        ({"runs": ["a"], "changes": {}}, "changes"),
        ({"runs": ["a"], "changes": {"status": "Failed"}}, "must be one of name"),
        ({"runs": ["a"], "changes": {"name": " "}}, "must not be empty"),
        ({"runs": ["a"], "changes": {"name": 1}}, "must be text"),
        ({"runs": ["a"], "changes": {"tags": {"x": 1}}}, "tags"),
        ({"runs": ["a"], "changes": {"tags": {"": "x"}}}, "tag key"),
        ({"runs": ["a"], "changes": {"tags": {"mlflow.note.content": "x"}}}, "description"),
        ({"runs": ["a"], "changes": {"remove_tags": "x"}}, "remove_tags"),
        ({"runs": ["a", "none"], "changes": {"name": "x"}}, "no run 'none'"),
    ],
)
def test_a_wrong_change_is_refused_and_changes_nothing(
    stores: WorkspaceStores, api: Api, body: object, part: str
) -> None:
    answer = patch(api, "/runs", body)
    assert (answer.status in (400, 404), part in answer.sentence) == (True, True), answer.sentence
    assert [run.display_name for run in stores.tracking.get_runs(RUNS).values()] == RUNS


def test_an_archived_run_is_not_changed(api: Api) -> None:
    api.post("/runs/archive", {"runs": ["a"]})
    answer = patch(api, "/runs", {"runs": ["b", "a"], "changes": {"name": "x"}})
    assert (answer.status, answer.json["error"]["kind"]) == (409, "InvalidState")


def test_an_experiment_is_changed(stores: WorkspaceStores, api: Api) -> None:
    changes = {"name": "renamed", "note": "# All", "tags": {"team": "vision"}}
    found = patch(api, "/experiments/0", changes).json
    assert (found["name"], found["note"], found["tags"]) == ("renamed", "# All", [["team", "vision"]])
    assert stores.tracking.get_experiment("0").tags == {"mlflow.note.content": "# All", "team": "vision"}
    found = patch(api, "/experiments/0", {"note": "", "remove_tags": ["team", "none"]}).json
    assert (found["name"], found["note"], found["tags"]) == ("renamed", "", [])
    stores.tracking.create_experiment("taken", 1)
    assert patch(api, "/experiments/0", {"name": "taken"}).status == 409
    assert patch(api, "/experiments/0", {"name": ""}).status == 400


def test_views_are_kept_in_an_experiment(stores: WorkspaceStores, api: Api) -> None:
    assert api.send("PUT", "/experiments/0/views/best%20of%20%C3%A9", b'{"state": "x"}').status == 200
    assert api.send("PUT", "/experiments/0/views/best", b'{"state": "q=y&sort=-x"}').json == {
        "name": "best", "state": "q=y&sort=-x",
    }  # fmt: skip
    assert {"name": "best", "state": "q=y&sort=-x"} in api.get("/experiments/0/views").json["views"]
    assert api.get("/experiments/0/views/best").json["state"] == "q=y&sort=-x"
    assert stores.tracking.get_experiment("0").tags["runbridge.view.best"] == "q=y&sort=-x"
    assert api.send("DELETE", "/experiments/0/views/best").status == 200
    assert api.send("DELETE", "/experiments/0/views/best").status == 404
    assert api.get("/experiments/0/views/best").status == 404
    assert api.send("PUT", "/experiments/0/views/x", json.dumps({"state": "x" * 5001}).encode()).status == 400
    assert api.send("PUT", f"/experiments/0/views/{'x' * 201}", b'{"state": ""}').status == 400
    assert api.send("PUT", "/experiments/9/views/x", b'{"state": ""}').status == 404


def test_a_long_state_gets_a_short_address(stores: WorkspaceStores, api: Api) -> None:
    state = "q=" + "x" * 10_000
    id = api.post("/views", {"state": state, "experiment": "0"}).json["id"]
    assert (len(id), api.post("/views", {"state": state}).json["id"]) == (8, id)
    assert api.get(f"/views/{id}").json["state"] == state
    assert api.get("/views/none").status == 404
    assert api.post("/views", {"state": "x" * 60_001}).status == 400
