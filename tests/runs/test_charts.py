"""Charts: the four JSON metrics of Azure ML are checked, stored as valid JSON, and read back."""

from __future__ import annotations

import copy
import json
import logging
import re
from typing import Any

import numpy
import pytest

from bridge import InvalidValue, Run, Workspace

# The examples in Azure ML's documentation.
CHARTS: dict[str, dict[str, Any]] = {
    "confusion_matrix": {
        "schema_type": "confusion_matrix",
        "schema_version": "1.0.0",
        "data": {"class_labels": ["cat", "dog"], "matrix": [[8, 2], [1, 9]]},
    },
    "accuracy_table": {
        "schema_type": "accuracy_table",
        "schema_version": "1.0.1",
        "data": {
            "probability_tables": [
                [[4, 6, 0, 0], [3, 1, 5, 1], [0, 0, 6, 4]],
                [[6, 4, 0, 0], [5, 1, 3, 1], [0, 0, 4, 6]],
            ],
            "percentile_tables": [
                [[4, 6, 0, 0], [3, 2, 4, 1], [0, 0, 6, 4]],
                [[6, 4, 0, 0], [4, 1, 3, 2], [0, 0, 4, 6]],
            ],
            "probability_thresholds": [0.0, 0.5, 1.0],
            "percentile_thresholds": [0.0, 0.42, 1.0],
            "class_labels": ["no", "yes"],
        },
    },
    "residuals": {
        "schema_type": "residuals",
        "schema_version": "1.0.0",
        "data": {"bin_edges": [-2, -1, 0, 1, 2], "bin_counts": [3, 17, 15, 5]},
    },
    "predictions": {
        "schema_type": "predictions",
        "schema_version": "1.0.0",
        "data": {
            "bin_averages": [1.2, 2.1],
            "bin_errors": [0.2, 0.3],
            "bin_counts": [40, 25],
            "bin_edges": [0.5, 1.5, 2.5],
        },
    },
}


def log(run: Run, kind: str, value: Any, **given: Any) -> None:
    getattr(run, f"log_{kind}")("val/chart", value, **given)


@pytest.mark.parametrize("kind", CHARTS)
@pytest.mark.parametrize("spell", [lambda chart: chart, json.dumps], ids=["dict", "text"])
def test_a_chart_is_read_as_it_was_logged(workspace: Workspace, run: Run, kind: str, spell: Any) -> None:
    log(run, kind, spell(CHARTS[kind]), description="of the last epoch", step=7)
    again = Run.get(workspace, run.id)
    (path,) = again.get_file_names()
    assert re.fullmatch(r"metrics/val_chart_\d{13}_[0-9a-f]{4}\.json", path)
    assert again.get_metrics() == {"val/chart": f"aml://artifactId/ExperimentRun/dcid.{run.id}/{path}"}
    populated = again.get_metrics(populate=True)["val/chart"]
    assert (populated.kind, populated.path) == (kind, path)
    assert populated.convert_to_object() == json.loads(populated.data) == CHARTS[kind]
    metric = again.get_metric("val/chart")
    assert metric.kinds == (kind,) and metric.description == "of the last epoch"
    assert [(file.kind, file.path, file.step) for file in metric.files] == [(kind, path, 7)]


@pytest.mark.parametrize("kind", CHARTS)
def test_each_missing_list_of_a_chart_is_named(run: Run, kind: str) -> None:
    for key in CHARTS[kind]["data"]:
        chart = copy.deepcopy(CHARTS[kind])
        del chart["data"][key]
        with pytest.raises(InvalidValue, match=rf"^data of 'val/chart' .*: must have {key} too\.$"):
            log(run, kind, chart)
        chart["data"][key] = 3
        with pytest.raises(InvalidValue, match=rf"^{key} of 'val/chart' 3: must be a list\.$"):
            log(run, kind, chart)
    assert run.get_metrics() == {} and run.get_file_names() == []


@pytest.mark.parametrize("kind", CHARTS)
def test_another_kind_of_chart_is_refused(run: Run, kind: str) -> None:
    other = CHARTS["residuals" if kind != "residuals" else "predictions"]
    for chart in (other, {"data": CHARTS[kind]["data"]}):
        with pytest.raises(InvalidValue, match=rf"schema_type of 'val/chart' .*: must be '{kind}'"):
            log(run, kind, chart)
    with pytest.raises(InvalidValue, match="data of 'val/chart' None: must be a dict with"):
        log(run, kind, {"schema_type": kind, "schema_version": "v1"})


@pytest.mark.parametrize("value", ["{", "", b"\xff", "[1, 2]", "null", 3, [1]])
def test_a_value_that_is_neither_json_nor_a_dict_is_refused(run: Run, value: Any) -> None:
    said = "must be a dict, or the JSON text of" if value in ("[1, 2]", "null", 3, [1]) else "Invalid JSON provided"
    with pytest.raises(InvalidValue, match=said):
        log(run, "residuals", value)


def test_numpy_arrays_and_numbers_become_lists_and_numbers(run: Run) -> None:
    data: dict[str, Any] = {"class_labels": numpy.array(["cat", "dog"]), "matrix": numpy.array([[8, 2], [1, 9]])}
    log(run, "confusion_matrix", {"schema_type": "confusion_matrix", "schema_version": "v1", "data": data})
    edges = [numpy.float32(-2), numpy.int64(-1), 0, 1, 2]
    counts = (numpy.uint64(3), 17, 15, 5)
    data = {"bin_edges": edges, "bin_counts": counts}
    run.log_residuals("residuals", {"schema_type": "residuals", "schema_version": "v1", "data": data})
    metrics = run.get_metrics(populate=True)
    assert metrics["val/chart"].convert_to_object()["data"] == CHARTS["confusion_matrix"]["data"]
    assert metrics["residuals"].convert_to_object()["data"] == CHARTS["residuals"]["data"]


def test_a_value_that_json_cannot_represent_is_refused(run: Run) -> None:
    chart = copy.deepcopy(CHARTS["residuals"])
    chart["data"]["bin_edges"][0] = 1j
    with pytest.raises(InvalidValue, match="must be a number, text, a bool or None"):
        log(run, "residuals", chart)


def test_nan_and_infinities_become_null_with_a_warning(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    chart = copy.deepcopy(CHARTS["predictions"])
    chart["data"]["bin_errors"] = [float("nan"), numpy.inf]
    with caplog.at_level(logging.WARNING, logger="bridge"):
        log(run, "predictions", chart)
        log(run, "predictions", json.dumps(chart))
    said = "Chart 'val/chart' has 2 values that are NaN or infinite: they are stored as null."
    assert caplog.messages == [said, said]
    for file in run.get_metric("val/chart").files:
        text = b"".join(run.place.stores.artifacts.get(run.place.root(), file.path)).decode()
        assert json.loads(text, parse_constant=pytest.fail)["data"]["bin_errors"] == [None, None]


@pytest.mark.parametrize(
    ("kind", "key", "value", "said"),
    [
        ("residuals", "bin_edges", [0, 1, 2], "bin_edges should have one entry more than bin_counts"),
        ("predictions", "bin_errors", [1], "bin_errors should have as many entries as bin_counts, but the lengths"),
        ("confusion_matrix", "class_labels", ["cat"], "matrix should have as many entries as class_labels"),
        ("confusion_matrix", "matrix", [[1, 2], [3]], "matrix is not square"),
        ("accuracy_table", "probability_thresholds", [0.5], "one row for each threshold of probability_thresholds"),
        ("accuracy_table", "class_labels", ["a"], "probability_tables should have as many entries as class_labels"),
    ],
)
def test_lists_of_different_lengths_cause_a_warning_and_are_stored(
    run: Run, caplog: pytest.LogCaptureFixture, kind: str, key: str, value: Any, said: str
) -> None:
    chart = copy.deepcopy(CHARTS[kind])
    chart["data"][key] = value
    with caplog.at_level(logging.WARNING, logger="bridge"):
        log(run, kind, chart)
    assert any(said in message for message in caplog.messages)
    assert run.get_metrics(populate=True)["val/chart"].convert_to_object() == chart


@pytest.mark.parametrize("version", ["v1", "1.0.0", "7", 2])
def test_any_schema_version_is_accepted(run: Run, caplog: pytest.LogCaptureFixture, version: Any) -> None:
    with caplog.at_level(logging.WARNING, logger="bridge"):
        log(run, "residuals", {**CHARTS["residuals"], "schema_version": version})
    assert caplog.messages == []
    assert run.get_metrics(populate=True)["val/chart"].convert_to_object()["schema_version"] == version
