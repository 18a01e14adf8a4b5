"""Series of the portal are those of the views, and their tails begin where they end."""

from __future__ import annotations

import csv
import json
import math
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from portal_calls import Api

from bridge.records.run import RunRecord
from bridge.records.series import Point
from bridge.records.views import SampledSeries
from bridge.store.workspace_stores import WorkspaceStores
from bridge.testing.strategies import row

STATIC = Path(__file__).parents[2] / "bridge/server/static"
KEYS = ["loss", "none", "table.acc", "text"]


@pytest.fixture
def runs(stores: WorkspaceStores) -> list[str]:
    """Three runs: with many points, with few, and with a table."""
    tracking = stores.tracking
    tracking.create_runs([RunRecord(id, "0", display_name=id, start_time=5) for id in ("a", "b", "c")])
    values = [math.sin(step) for step in range(40)]
    values[7], values[11] = math.nan, math.inf
    tracking.log_points("a", [Point("loss", value, 10 + step, step) for step, value in enumerate(values)])
    tracking.log_points("b", [Point("loss", float(step), 10 + step, step) for step in range(3)])
    tracking.log_points(
        "c", [point for step in range(4) for point in row("table", {"acc": step / 4, "x": 1.0}, 1, step)]
    )
    tracking.log("c", "text", "words", 1, 0)
    return ["a", "b", "c"]


def texts_of(values: Any) -> list[str] | None:
    """Return numbers as texts, so that NaN equals NaN."""
    return None if values is None else [repr(float(value)) for value in values.tolist()]


def expected(one: SampledSeries) -> dict[str, Any]:
    buckets = one.buckets
    columns: Mapping[str, Any] = {"x": one.x, "values": one.values}
    if buckets is not None:
        names = ("count", "minimum", "maximum", "mean", "deviation")
        columns = {name: getattr(buckets, name) for name in names}
    facts = one.facts
    return {
        "run": one.name, "key": one.key, "edges": texts_of(one.edges), "exact": buckets is None,
        "position": one.position, "facts": [repr(float(fact)) for fact in facts],
        **{name: texts_of(column) for name, column in columns.items() if column is not None},
    }  # fmt: skip


def found_in(frame: tuple[dict[str, Any], Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the series of a frame in the form of `expected`."""
    head, columns = frame
    facts = ("points", "nans", "infinities", "first", "last", "minimum", "maximum")
    series = []
    for i, (run, key) in enumerate(zip(columns["run"], columns["key"], strict=True)):
        at, n, exact = int(columns["at"][i]), int(columns["n"][i]), bool(columns["exact"][i])
        names = ("x", "values") if exact else ("count", "minimum", "maximum", "mean", "deviation")
        start, size = head["edges"][key]
        series.append(
            {
                "run": head["runs"][run], "key": head["keys"][key], "exact": exact,
                "edges": texts_of(columns["edges"][start : start + size]), "position": int(columns["#position"][i]),
                "facts": [repr(float(columns[f"#{fact}"][i])) for fact in facts],
                **{name: texts_of(columns[name][at : at + n]) for name in names if name in columns},
            }
        )  # fmt: skip
    return series


@pytest.mark.parametrize("buckets", [1, 5, 3000])
@pytest.mark.parametrize("asked", [{}, {"x": "relative"}, {"low": 2, "high": 11.5}, {"x": "metric:loss"}])
def test_series_are_those_of_the_views(
    stores: WorkspaceStores, api: Api, runs: list[str], buckets: int, asked: dict[str, Any]
) -> None:
    wanted = stores.tracking.views.sample_series(runs, KEYS, buckets, **asked)
    answer = api.post("/series", {"runs": [*runs, "none"], "keys": KEYS, "buckets": buckets, **asked})
    assert answer.headers["content-type"] == "application/vnd.runbridge.frame"
    assert found_in(answer.frame) == [expected(one) for one in wanted]
    assert len(wanted) > 1


def test_a_group_may_have_a_name_that_utf_8_cannot_encode(api: Api, runs: list[str]) -> None:
    answer = api.post("/series", {"runs": runs, "keys": KEYS, "groups": {"a": "\ud800"}})
    assert (answer.status, answer.frame[0]["runs"]) == (200, ["\ud800"])


def test_groups_are_those_of_the_views(stores: WorkspaceStores, api: Api, runs: list[str]) -> None:
    groups = {"a": "both", "b": "both", "c": "other"}
    wanted = stores.tracking.views.sample_series(runs, KEYS, 4, groups=groups)
    found = api.post("/series", {"runs": runs, "keys": KEYS, "buckets": 4, "groups": groups}).frame
    assert found_in(found) == [expected(one) for one in wanted]
    assert len(found[1]["deviation"]) == len(found[1]["count"])


def test_no_series_is_an_empty_frame(api: Api) -> None:
    head, columns = api.post("/series", {"runs": ["none"], "keys": ["loss"]}).frame
    assert (head["runs"], head["edges"], len(columns["run"])) == ([], [None], 0)


def test_a_tail_has_the_points_after_the_series(stores: WorkspaceStores, api: Api, runs: list[str]) -> None:
    asked = [
        [one["run"], one["key"], one["position"]]
        for one in found_in(api.post("/series", {"runs": runs, "keys": KEYS, "buckets": 9}).frame)
    ]
    assert [one[:2] for one in asked] == [["a", "loss"], ["b", "loss"], ["c", "table.acc"]]
    assert api.post("/tail", {"series": asked}).frame[0]["series"] == []
    stores.tracking.log("b", "loss", math.nan, 77, -3)
    stores.tracking.log("b", "loss", 8.0, 78, 2**60)
    stores.tracking.log_points("c", row("table", {"acc": 9.0, "y": 2.0}, 79, 5))
    head, columns = api.post("/tail", {"series": asked}).frame
    assert head["series"] == [["b", "loss", 4], ["c", "table.acc", 4]]
    assert (columns["at"].tolist(), columns["n"].tolist()) == ([0, 2], [2, 1])
    assert columns["step"].tolist() == [-3.0, 2.0**60, 5.0]
    assert columns["timestamp"].tolist() == [77.0, 78.0, 79.0]
    assert texts_of(columns["values"]) == ["nan", "8.0", "9.0"]
    assert columns["position"].tolist() == [3, 4, 4]


@pytest.mark.parametrize(
    "path, body, part",
    [
        ("/series", {"runs": "a"}, "runs"),
        ("/series", {"runs": [1]}, "runs"),
        ("/series", {"keys": ["k"] * 501}, "at most 500"),
        ("/series", {"runs": [str(n) for n in range(1000)], "keys": [str(n) for n in range(21)]}, "20000 series"),
        ("/series", {"buckets": 0}, "buckets"),
        ("/series", {"buckets": True}, "buckets"),
        ("/series", {"low": "1"}, "low"),
        ("/series", {"x": "nonsense"}, "x 'nonsense'"),
        ("/series", {"groups": {"a": 1}}, "groups"),
        ("/series", [], "JSON object"),
        ("/tail", {}, "series"),
        ("/tail", {"series": [["a", "b"]]}, "position"),
        ("/tail", {"series": [["a", "b", 1.5]]}, "position"),
    ],
)
def test_a_wrong_request_is_refused_with_a_sentence(api: Api, path: str, body: object, part: str) -> None:
    answer = api.post(path, body)
    assert (answer.status, part in answer.sentence) == (400, True), answer.sentence


def test_a_body_that_is_not_json_is_refused(api: Api) -> None:
    assert api.send("POST", "/series", b"\xff{").status == 400
    assert api.send("POST", "/series", b"[" * 100_000).status == 400
    too_long = api.send("POST", "/series", b" " * ((16 << 20) + 1))
    assert (too_long.status, "16777216 bytes" in too_long.sentence) == (400, True)


def test_exact_points_are_a_file(stores: WorkspaceStores, api: Api, runs: list[str]) -> None:
    answer = api.get("/points/a/loss")
    rows = list(csv.reader(answer.body.decode().splitlines()))
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''a%20loss.csv"
    (record,) = stores.tracking.get_series_of(["a"], ["loss"])["a"]
    assert record.numbers is not None
    assert rows[0] == ["step", "timestamp", "value"]
    assert rows[1:] == [
        [str(step), str(timestamp), str(value)]
        for step, timestamp, value in zip(
            record.steps.tolist(), record.timestamps.tolist(), record.numbers.tolist(), strict=True
        )
    ]
    found = json.loads(api.get("/points/a/loss", format="json").body)
    assert (found["columns"], found["rows"][0]) == (rows[0], [0, 10, 0.0])
    assert [one[2] for one in found["rows"] if isinstance(one[2], str)] == ["NaN", "Infinity"]
    table = api.get("/points/c/table").body.decode().splitlines()
    assert table[:2] == ["step,timestamp,acc,x", "0,1,0.0,1.0"]
    assert api.get("/points/a/none").status == 404
    assert api.get("/points/a/loss", format="exe").status == 400


def test_a_text_that_a_spreadsheet_would_calculate_is_marked_on_demand(stores: WorkspaceStores, api: Api) -> None:
    stores.tracking.create_runs([RunRecord("a", "0")])
    stores.tracking.log("a", "note", "=1+1", 1, 0)
    assert api.get("/points/a/note").body.decode().splitlines()[1] == "0,1,=1+1"
    assert api.get("/points/a/note", spreadsheet=1).body.decode().splitlines()[1] == "0,1,'=1+1"


@pytest.mark.skipif(not shutil.which("node"), reason="Node.js is not installed")
def test_the_page_reads_series_and_tables(api: Api, runs: list[str], tmp_path: Path) -> None:
    """The decoders of the page find the same values as Python."""
    answers = {
        "series": api.post("/series", {"runs": runs, "keys": KEYS, "buckets": 9}),
        "tails": api.post("/tail", {"series": [["b", "loss", 0]]}),
        "table": api.get("/experiments/0/table", cols="name,metrics.loss,params.none"),
    }
    for name, answer in answers.items():
        (tmp_path / name).write_bytes(answer.body)
    script = f"""
        import {{ readFileSync }} from "node:fs";
        import {{ readFrame }} from {json.dumps((STATIC / "lib/frame.js").as_uri())};
        import {{ seriesOf, tailsOf }} from {json.dumps((STATIC / "data/series.js").as_uri())};
        import {{ tableOf }} from {json.dumps((STATIC / "data/table.js").as_uri())};
        const read = (name) => readFrame(new Uint8Array(readFileSync(name)).buffer);
        const plain = (key, value) =>
            ArrayBuffer.isView(value) ? Array.from(value, String) : typeof value === "number" ? String(value) : value;
        const found = [seriesOf(read("series")), tailsOf(read("tails")), tableOf(read("table"))];
        console.log(JSON.stringify(found, plain));
    """
    (tmp_path / "read.mjs").write_text(script)
    done = subprocess.run(["node", "read.mjs"], cwd=tmp_path, capture_output=True, text=True, check=True)
    series, tails, table = json.loads(done.stdout)

    def plain(texts: list[str] | None) -> list[float] | None:
        return None if texts is None else [float(text) for text in texts]

    for one, wanted in zip(series["series"], found_in(answers["series"].frame), strict=True):
        assert (one["run"], one["key"], one["exact"], int(one["position"])) == (
            wanted["run"], wanted["key"], wanted["exact"], wanted["position"],
        )  # fmt: skip
        for name in ("edges", "x", "values", "count", "minimum", "maximum", "mean"):
            assert repr(plain(one[name])) == repr(plain(wanted.get(name))), name
        facts = [one[name] for name in ("points", "nans", "infinities", "first", "latest", "min", "max")]
        assert repr(plain(facts)) == repr(plain(wanted["facts"]))
    assert [one["key"] for one in series["keys"]] == KEYS
    assert tails["series"][0]["values"] == ["1", "2"]
    assert table["ids"] == ["a", "b", "c"] or sorted(table["ids"]) == ["a", "b", "c"]
    assert table["columns"]["params.none"]["words"] == [None]
    assert table["columns"]["metrics.loss"]["kind"] == "number"
