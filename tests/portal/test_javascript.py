"""The page's modules without a browser: their own tests, and the same answers as Python and the store."""

from __future__ import annotations

import difflib
import json
import math
import random
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy
import pytest
from portal_calls import Api

from bridge.records.run import RunRecord
from bridge.records.search import Ordering, RunQuery
from bridge.records.search_grammar import parse_run_filter
from bridge.records.views import Column
from bridge.store.frames import texts_of
from bridge.store.workspace_stores import WorkspaceStores

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")

HERE = Path(__file__).parent


def answers(*calls: tuple[str, str, Sequence[Any]]) -> list[Any]:
    """Return the results of functions of the page, each given as its module, its name and its arguments."""
    done = subprocess.run(
        ["node", str(HERE / "answers.js")], input=json.dumps(_plain(calls)), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    results: list[Any] = json.loads(
        done.stdout, object_hook=lambda found: _number(found) if "number" in found else found
    )
    return results


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return {"number": {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")}
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value


def _number(found: dict[str, Any]) -> Any:
    return float(found["number"]) if isinstance(found.get("number"), str) else found


def test_modules_pass_their_own_tests() -> None:
    """They run in one process. `node --test` would start one for each file."""
    files = sorted((HERE / "lib").glob("*.test.js"))
    code = "".join(f"import {json.dumps(file.as_uri())};\n" for file in files)
    words = ["node", "--input-type=module", "--eval", code]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert files and done.returncode == 0, done.stdout + done.stderr
    (passed,) = re.findall(r"^# pass (\d+)$", done.stdout, re.MULTILINE)
    assert int(passed) > 100, done.stdout


def weighted_mean(x: numpy.ndarray[Any, Any], y: numpy.ndarray[Any, Any], amount: float, range: float) -> list[float]:
    """Return for each value the mean of the values before it, weighted by the formula of the specification."""
    found = []
    for at, place in enumerate(x):
        before = numpy.flatnonzero(numpy.isfinite(y[: at + 1]))
        weights = amount ** ((place - x[before]) * 1000 / range)
        found.append(float((weights * y[before]).sum() / weights.sum()) if math.isfinite(y[at]) else float(y[at]))
    return found


def test_smoothing_is_the_weighted_mean_of_numpy() -> None:
    chance = numpy.random.default_rng(5)
    cases = []
    for count in (1, 2, 60, 300):
        x = numpy.cumsum(chance.choice([0.0, 1.0, 1.0, 50.0], count))
        y = chance.normal(size=count)
        y[chance.random(count) < 0.1] = chance.choice([math.nan, math.inf, -math.inf])
        cases += [(x, y, amount, max(1.0, float(x[-1])) * factor) for amount in (0.3, 0.9, 0.999) for factor in (1, 7)]
    found = answers(*[("lib/smooth.js", "smooth", [x.tolist(), y.tolist(), a, "ema", r]) for x, y, a, r in cases])
    for result, (x, y, amount, range) in zip(found, cases, strict=True):
        assert result == pytest.approx(weighted_mean(x, y, amount, range), rel=1e-9, abs=1e-12, nan_ok=True)


def test_the_spread_of_a_group_is_that_of_numpy() -> None:
    chance = random.Random(6)
    lists = [[chance.choice([0.0, -1.5, 2.0, 1e9, math.nan]) for _ in range(length)] for length in (2, 3, 10, 501)]
    found = answers(*[("lib/group.js", "spread", [values]) for values in lists])
    for result, values in zip(found, lists, strict=True):
        numbers = numpy.array([value for value in values if value == value])
        quartiles = numpy.quantile(numbers, [0, 0.25, 0.5, 0.75, 1])
        names = ("count", "mean", "deviation", "minimum", "lower", "median", "upper", "maximum")
        wanted = [len(numbers), numbers.mean(), numbers.std(ddof=1) if len(numbers) > 1 else math.nan, *quartiles]
        assert [result[name] for name in names] == pytest.approx(wanted, nan_ok=True)


def test_a_difference_has_as_few_changes_as_a_patch_of_difflib() -> None:
    chance = random.Random(7)
    pairs = [[[chance.choice("abcde") for _ in range(chance.randrange(40))] for _ in "lr"] for _ in range(200)]
    found = answers(*[("lib/difference.js", "difference", pair) for pair in pairs])
    for lines, (left, right) in zip(found, pairs, strict=True):
        marks = [{"same": "  ", "removed": "- ", "added": "+ "}[line["kind"]] + line["text"] for line in lines]
        assert list(difflib.restore(marks, 1)) == left
        assert list(difflib.restore(marks, 2)) == right
        patch = [line for line in difflib.ndiff(left, right) if line[0] in "+-"]
        assert len([mark for mark in marks if mark[0] in "+-"]) <= len(patch)


POOLS: dict[str, Sequence[Any]] = {
    "loss": (None, math.nan, 0.0, 1.0, -1.0, math.inf, -math.inf, 1.5e308, 5e-324),
    "lr": (None, "", "0.1", "0.10", "a", "B", "é", "\uffff", "\U00010000", "\U0010ffff"),
    "user": ("", "ada", "Ada", "bo"),
    "team": (None, ..., "", "a", "b"),
    "start": (None, 0, 5, 5, 2**41),
}
ORDERS: list[list[tuple[str, bool]]] = [
    [("loss", True)], [("loss", False)], [("lr", True)], [("lr", False)], [("user", False), ("loss", True)],
    [("start", True), ("lr", False)], [("lr", True), ("loss", False), ("user", True)], [("start", False)],
    [("team", True)], [("team", False), ("loss", True)],
]  # fmt: skip
COLUMNS = {
    "loss": Column("metric", "loss"),
    "lr": Column("param", "lr"),
    "user": Column("attribute", "user"),
    "start": Column("attribute", "start_time"),
    "team": Column("tag", "team"),
}
SENT = {"loss": "metrics.loss", "lr": "params.lr", "user": "user", "start": "start_time", "team": "tags.team"}


def random_runs(stores: WorkspaceStores, count: int) -> None:
    """Create runs whose values are chosen from small pools, so that many of them are equal."""
    chance = random.Random(8)
    chosen = [{name: chance.choice(pool) for name, pool in POOLS.items()} for _ in range(count)]
    stores.tracking.create_runs(
        [
            RunRecord(
                f"r{chance.getrandbits(64):x}-{at}", "0", "run", user=run["user"], start_time=run["start"],
                params={} if run["lr"] is None else {"lr": run["lr"]},
                tags={} if run["team"] is ... else {"team": run["team"]}, properties={"at": str(at)},
            )
            for at, run in enumerate(chosen)
        ]
    )  # fmt: skip
    for record in stores.tracking.search_runs(RunQuery(("0",))).items:
        value = chosen[int(record.properties["at"] or 0)]["loss"]
        if value is not None:
            stores.tracking.log(record.id, "loss", value, 0, 0)
    stores.tracking.get_runs(["none"])  # moves the points into the database, so that no request does it


def key_of(sent: tuple[dict[str, Any], Mapping[str, Any]], name: str, ascending: bool) -> dict[str, Any]:
    """Return a key of an order as the page makes it from an answer."""
    head, columns = sent
    words = next(column.get("words") for column in head["columns"] if column["name"] == name)
    present = columns.get(f"{name}#present")
    key: dict[str, Any] = {"values": columns[name].tolist(), "descending": not ascending}
    return {**key, **({"words": words} if words else {}), **({} if present is None else {"present": present.tolist()})}


@pytest.mark.slow
def test_rows_have_the_order_of_the_store(stores: WorkspaceStores) -> None:
    random_runs(stores, 10_000)
    sent = Api(stores).get("/experiments/0/table", cols=",".join(SENT.values())).frame
    ids = texts_of(*sent, "#id")
    calls = [
        ("lib/order.js", "order", [len(ids), [key_of(sent, SENT[name], ascending) for name, ascending in order]])
        for order in ORDERS
    ]
    for order, rows in zip(ORDERS, answers(*calls), strict=True):
        orderings = [Ordering(COLUMNS[name].entity, COLUMNS[name].key, ascending) for name, ascending in order]
        wanted = stores.tracking.views.match(RunQuery(("0",), order=tuple(orderings)))
        assert [ids[row] for row in rows] == list(wanted.ids), order


NAMES = (
    "loss",
    "val/loss",
    "a b",
    "a.b",
    "1e5",
    "in",
    "é",
    "a-b",
    "a'b",
    'a"b',
    "x:min",
    "NULL",
    "_a",
    "a#b",
    "9lives",
)


def test_the_page_completes_a_value_that_the_store_reads() -> None:
    asked = [("params.lr", "0.1"), ("tags.n", "3"), ("metrics.loss", "1e+21"), ("metrics.loss", "-1e-7")]
    texts = answers(*[("lib/filter.js", "literal", one) for one in asked])
    for (name, value), text in zip(asked, texts, strict=True):
        (clause,) = parse_run_filter(f"{name} = {text}")
        assert clause.operand == (float(value) if clause.entity == "metric" else value)


@pytest.mark.parametrize("entity", ["metric", "param", "tag"])
def test_the_store_reads_the_clauses_that_the_page_writes(entity: str) -> None:
    values: Sequence[Any] = (0.5, -1e-7, 3) if entity == "metric" else ("adamw", "it's", "", "a and b", "é\n")
    # The end of the name of a metric may be a statistic, which filters do not have.
    names = [name for name in NAMES if entity != "metric" or ":" not in name]
    pairs = [(name, value) for name in names for value in values]
    texts = answers(*[("lib/filter.js", "clauseText", [f"{entity}s.{name}", "=", value]) for name, value in pairs])
    for text, (name, value) in zip(texts, pairs, strict=True):
        (clause,) = parse_run_filter(text)
        assert (clause.entity, clause.key, clause.operand) == (entity, name, value), text
    (text,) = answers(("lib/filter.js", "clauseText", [f"{entity}s.a", "=", 'it\'s "x"']))
    assert entity == "metric" or [one.operand for one in parse_run_filter(text)] == ['it_s "x"', "it's _x_"]
    joined = " and ".join(texts[:40])
    assert len(parse_run_filter(joined)) == len(texts[:40])
    assert answers(("lib/filter.js", "clauses", [joined]))[0] == texts[:40]
