"""The arguments that the log calls accept and refuse, descriptions, and the reader `get_metric`."""

from __future__ import annotations

import logging
from typing import Any

import numpy
import pytest
from spelling import spelled

import bridge
from bridge import Experiment, InvalidValue, NotFound, Run, Workspace
from bridge.records.series import SCALAR
from bridge.store.one_run import get_series


def test_a_list_can_be_any_iterable(run: Run) -> None:
    run.log_list("Fibonacci", (number for number in (0, 1, 1, 2)))
    run.log_list("range", range(3))
    run.log_list("tuple", (1.5, "a"))
    run.log_list("array", numpy.arange(3, dtype=numpy.int8))
    run.log_list("scalars", [numpy.int64(3), numpy.float16(0.5), numpy.array([2])])  # type: ignore[list-item]
    expected = {
        "Fibonacci": [0, 1, 1, 2],
        "range": [0, 1, 2],
        "tuple": [1.5, "a"],
        "array": [0, 1, 2],
        "scalars": [3.0, 0.5, 2.0],
    }
    assert spelled(run.get_metrics()) == spelled(expected)


@pytest.mark.parametrize("name", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"])
def test_numpy_integers_are_ints_however_they_are_logged(run: Run, name: str) -> None:
    value = numpy.dtype(name).type(3)
    log_everywhere(run, value)
    assert spelled(run.get_metrics()) == spelled({"log": 3, "list": 3, "row": {"x": 3}, "table": {"x": 3}})


@pytest.mark.parametrize("name", ["float16", "float32", "float64", "longdouble"])
def test_numpy_floats_are_floats_however_they_are_logged(run: Run, name: str) -> None:
    log_everywhere(run, numpy.dtype(name).type(0.5))
    assert spelled(run.get_metrics()) == spelled({"log": 0.5, "list": 0.5, "row": {"x": 0.5}, "table": {"x": 0.5}})


@pytest.mark.parametrize("value", [numpy.bool_(True), numpy.str_("a"), numpy.array(2.5), numpy.array([7])])
def test_other_numpy_values_become_the_values_that_they_hold(run: Run, value: Any) -> None:
    run.log("log", value)
    run.log_row("row", x=value)
    assert spelled(run.get_metrics()) == spelled({"log": value.item(), "row": {"x": value.item()}})


@pytest.mark.torch
def test_tensors_of_one_element_become_numbers(run: Run) -> None:
    import torch

    log_everywhere(run, torch.tensor(0.5, requires_grad=True))
    run.log("bfloat16", torch.tensor(0.5, dtype=torch.bfloat16))  # type: ignore[arg-type]
    run.log("int64", torch.tensor(4))  # type: ignore[arg-type]
    run.log_list("tensor", torch.arange(3))
    run.log_table("columns", {"x": torch.arange(2), "y": torch.tensor([0.5, 1.5])})
    assert spelled(run.get_metrics()) == spelled(
        {
            "log": 0.5,
            "list": 0.5,
            "row": {"x": 0.5},
            "table": {"x": 0.5},
            "bfloat16": 0.5,
            "int64": 4,
            "tensor": [0, 1, 2],
            "columns": {"x": [0, 1], "y": [0.5, 1.5]},
        }
    )


def log_everywhere(run: Run, value: Any) -> None:
    run.log("log", value)
    run.log_list("list", [value])
    run.log_row("row", x=value)
    run.log_table("table", {"x": [value]})


def test_a_table_accepts_lists_tuples_arrays_and_ranges(run: Run) -> None:
    run.log_table("t", {"list": [1, 2], "tuple": ("a", "b"), "array": numpy.array([0.5, 1.5]), "range": range(2)})
    assert spelled(run.get_metrics()["t"]) == spelled(
        {"list": [1, 2], "tuple": ["a", "b"], "array": [0.5, 1.5], "range": [0, 1]}
    )


def test_a_table_can_be_a_data_frame(run: Run) -> None:
    import pandas

    run.log_table("t", pandas.DataFrame({"x": [1, 2], "y": [0.5, 1.5], "z": ["a", None]}, dtype=object))
    assert spelled(run.get_metrics()["t"]) == spelled({"x": [1, 2], "y": [0.5, 1.5], "z": ["a", None]})
    double = pandas.DataFrame([[1, 2]], columns=["x", "x"])
    with pytest.raises(InvalidValue, match="must have different names"):
        run.log_table("t", double)


def test_columns_of_a_row_can_be_named_self_and_step(run: Run) -> None:
    run.log_row(name="m", self=1, step=2, path=3)
    assert run.get_metrics() == {"m": {"self": 1, "step": 2, "path": 3}}


@pytest.mark.parametrize("value", [[1], (1, 2), range(2), {"x": 1}, numpy.zeros(2), iter([1]), lambda: [1], {1}])
def test_log_refuses_several_values_and_names_the_call_to_use(run: Run, value: Any) -> None:
    for description in ("", "said"):
        with pytest.raises(InvalidValue, match=r"^value of 'm' .*: must be one value: use run.log_list for several"):
            run.log("m", value, description)
    assert run.get_metrics() == {}


def test_every_mistake_of_a_call_is_reported(run: Run) -> None:
    with pytest.raises(InvalidValue) as caught:
        run.log("", [1], step="first")  # type: ignore[arg-type]
    assert [problem.value for problem in caught.value.problems] == ["", [1], "first"]
    with pytest.raises(InvalidValue, match="^metric name '': must be text"):
        run.log("", [1], "said")  # type: ignore[arg-type]
    with pytest.raises(InvalidValue, match="^description 3: must be text"):
        run.log("m", [1], 3)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [1j, b"bytes", object(), numpy.complex128(1)])
def test_every_call_refuses_an_unsupported_value(run: Run, value: Any) -> None:
    for log in (
        lambda: run.log("m", value),
        lambda: run.log_list("m", [1, value]),
        lambda: run.log_row("m", x=1, y=value),
        lambda: run.log_table("m", {"x": [1, value]}),
    ):
        with pytest.raises(InvalidValue, match="must be a number, text, a bool or None"):
            log()
    assert run.get_metrics() == {}


@pytest.mark.parametrize("value", [3, "text", None, {"x": 1}, numpy.zeros((2, 2)), numpy.array(1)])
def test_log_list_refuses_a_value_that_is_not_a_list(run: Run, value: Any) -> None:
    with pytest.raises(InvalidValue, match="must be a list of values"):
        run.log_list("m", value)
    assert run.get_metrics() == {}


def test_log_list_refuses_a_data_frame(run: Run) -> None:
    import pandas

    with pytest.raises(InvalidValue, match="must be a list of values"):
        run.log_list("m", pandas.DataFrame({"x": [1]}))


def test_an_element_that_cannot_be_logged_is_named(run: Run) -> None:
    with pytest.raises(InvalidValue, match=r"^value of 'm', element 2, \[3\]: "):
        run.log_list("m", [1, 2, [3]])  # type: ignore[list-item]
    with pytest.raises(InvalidValue, match=r"^column 'y' of 'm', element 1, \{\}: "):
        run.log_table("m", {"x": [1, 2], "y": ["a", {}]})
    assert run.get_metrics() == {}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"x": [1, 2], "y": [1], "z": [1, 2]}, r"\{'x': 2, 'y': 1, 'z': 2\}: must be equal"),
        ({"x": [1, 2], "y": []}, r"\{'x': 2, 'y': 0\}: must be equal"),
        ({"x": [1], "y": 1}, "single values, or to lists of equal length"),
        ([1, 2], "must be a dict from the names of columns"),
        ("text", "must be a dict from the names of columns"),
        ({1: [1]}, "column of 'm' 1: must be text"),
        ({"": [1]}, "column of 'm' '': must be text"),
    ],
)
def test_a_value_that_is_not_a_table_is_refused(run: Run, table: Any, said: str) -> None:
    with pytest.raises(InvalidValue, match=said):
        run.log_table("m", table)
    assert run.get_metrics() == {}


@pytest.mark.parametrize("name", ["", None, 3, ["m"], "a\nb", "a" * 256])
def test_every_call_refuses_an_invalid_name(run: Run, name: Any) -> None:
    for log in (
        lambda: run.log(name, 1),
        lambda: run.log(name, 1, "said"),
        lambda: run.log_list(name, [1, 2]),
        lambda: run.log_list(name, []),
        lambda: run.log_row(name, x=1),
        lambda: run.log_table(name, {"x": [1]}),
        lambda: run.log_image(name, b"GIF89a"),
        lambda: run.log_residuals(name, RESIDUALS),
    ):
        with pytest.raises(InvalidValue, match="metric name"):
            log()
    assert run.get_metrics() == {} and run.get_file_names() == []


RESIDUALS = {"schema_type": "residuals", "schema_version": "v1", "data": {"bin_edges": [0, 1], "bin_counts": [3]}}


def test_an_empty_value_causes_a_warning_and_no_error(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    for log in (
        lambda: run.log_list("m", []),
        lambda: run.log_list("m", iter(())),
        lambda: run.log_table("m", {}),
        lambda: run.log_table("m", {"x": [], "y": []}),
        lambda: run.log_row("m"),
    ):
        caplog.clear()
        with caplog.at_level(logging.WARNING, logger="bridge"):
            log()
        assert caplog.messages == ["Nothing was logged under 'm': there was no value."]
    assert run.get_metrics() == {}


def test_a_description_is_stored_once_until_it_changes(run: Run) -> None:
    for number in range(3):
        run.log_row("m", "first", x=number)
    assert described(run) == ["first"]
    run.log_list("m", [1, 2], "second")
    run.log("m", 3)
    run.log("m", 3, description=None)
    run.log("m", 4, "second")
    run.log_table("m", {"x": 1}, "third")
    assert described(run) == ["first", "second", "third"]
    assert run.get_metric("m").description == "third"
    assert run.get_metrics() == {"m": {"x": [0, 1, 2, None, None, None, None, None, 1], "m": 3 * [None] + LOGGED}}
    assert run.get_metric("m").table.steps == [0, 1, 2, 8]


LOGGED = [1, 2, 3, 3, 4, None]


def described(run: Run) -> list[Any]:
    """Return the stored descriptions of "m"."""
    records = get_series(run.experiment.workspace.stores.tracking, run.id, ["m"])
    return [text for record in records if record.kind not in (SCALAR, 1) for text in record.texts]


def test_a_description_that_is_not_text_is_refused_and_nothing_is_logged(run: Run) -> None:
    for log in (lambda: run.log("m", 1, 3), lambda: run.log_image("m", b"GIF89a", description=3)):  # type: ignore[arg-type]
        with pytest.raises(InvalidValue, match="^description 3: must be text"):
            log()
    assert run.get_metrics() == {} and run.get_file_names() == []


def test_a_refused_value_stores_no_description(run: Run) -> None:
    with pytest.raises(InvalidValue):
        run.log("m", [1], "said")  # type: ignore[arg-type]
    run.log("m", 1, "said")
    assert run.get_metric("m").description == "said"


def test_a_metric_is_read_as_it_was_logged(run: Run) -> None:
    run.log("m", 1, "everything", step=5)
    run.log_row("m", x=1)
    run.log_image("m", b"GIF89a 1")
    run.log("m", 0.5)
    run.log_row("m", x=2, y="a")
    run.log_image("m", b"BM 2", step=9)
    run.log_residuals("m", RESIDUALS)
    metric = run.get_metric("m")
    assert isinstance(metric, bridge.LoggedMetric)
    assert (metric.name, metric.description) == ("m", "everything")
    assert metric.kinds == ("scalar", "table", "image", "residuals")
    assert (metric.points.steps.tolist(), metric.points.values.tolist()) == ([5, 2], [1.0, 0.5])
    assert metric.table.columns == {"x": [1, 2], "y": [None, "a"]}
    assert metric.table.steps == [0, 3] and len(metric.table.timestamps) == 2
    assert [(file.kind, file.step) for file in metric.files] == [("image", 1), ("image", 9), ("residuals", 4)]
    assert [file.path.rpartition(".")[2] for file in metric.files] == ["gif", "bmp", "json"]
    assert spelled(run.get_metrics()) == spelled(
        {"m": {"m": [1.0, None, 0.5, None], "x": [None, 1, None, 2], "y": 3 * [None] + ["a"]}}
    )
    assert run.get_series("m").values.tolist() == [1.0, 0.5]


def test_a_metric_that_was_not_logged_is_not_found(run: Run) -> None:
    with pytest.raises(NotFound, match="'m'"):
        run.get_metric("m")


def test_the_method_names_of_mlflow_work_too(run: Run) -> None:
    run.log_metric("m", 1, step=3)
    assert run.run_id == run.id
    assert run.get_series("m").steps.tolist() == [3]


def test_system_metrics_are_returned_only_by_name(run: Run) -> None:
    run.log("system/cpu", 0.5)
    run.log("m", 1)
    assert run.get_metrics() == {"m": 1}
    assert run.get_metrics("system/cpu") == {"system/cpu": 0.5}
    assert run.get_metrics(recursive=True) == {run.id: {"m": 1}}
    assert run.get_metric("system/cpu").kinds == ("scalar",)


def test_three_thousand_rows_of_fifteen_columns_are_stored(workspace: Workspace) -> None:
    """The sample notebook `logging-api` logs such a table."""
    names = ("Accuracy", "Precision", "Recall")
    with Experiment(workspace, "rows").start_logging(snapshot_directory=None, outputs=False) as run:
        for step in range(1000):
            for name in names:
                columns = {f"column {number}": step + number / 16 for number in range(15)}
                run.log_row(name, f"Example row for metric {name}", **columns)
    metrics = Run.get(workspace, run.id).get_metrics()
    assert list(metrics) == list(names)
    for name in names:
        assert list(metrics[name]) == [f"column {number}" for number in range(15)]
        for number in range(15):
            assert metrics[name][f"column {number}"] == [step + number / 16 for step in range(1000)]
        assert run.get_metric(name).description == f"Example row for metric {name}"
