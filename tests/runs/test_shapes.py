"""`get_metrics` in a new process returns the right values and types for each log call."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy
import pytest
from spelling import spelled

from bridge import Experiment, Run, Workspace


def several(method: str, *values: Any) -> Callable[[Run], None]:
    """Log values one after the other under "m"."""

    def log(run: Run) -> None:
        for value in values:
            getattr(run, method)("m", value)

    return log


def rows(*given: dict[str, Any]) -> Callable[[Run], None]:
    """Log rows one after the other under "m"."""

    def log(run: Run) -> None:
        for row in given:
            run.log_row("m", **row)

    return log


def scalar_then_row(run: Run) -> None:
    run.log("m", 1)
    run.log_row("m", x="a")


# The results of `Run.get_metrics` in the Azure ML SDK v1.
SHAPES: dict[str, tuple[Callable[[Run], None], Any]] = {
    "log_once_int": (several("log", 3), 3),
    "log_once_float": (several("log", 3.0), 3.0),
    "log_once_text": (several("log", "Red"), "Red"),
    "log_once_bool": (several("log", True), True),
    "log_once_none": (several("log", None), None),
    "log_many": (several("log", 3, 1, 2), [3, 1, 2]),
    "log_int_then_float": (several("log", 1, 0.5, 2), [1.0, 0.5, 2.0]),
    "log_many_texts": (several("log", "Red", "Blue"), ["Red", "Blue"]),
    "log_many_bools": (several("log", True, False), [True, False]),
    "log_text_and_numbers": (several("log", 1, "Red", True, None, 2), [1, "Red", True, None, 2]),
    "log_text_and_floats": (several("log", 1, "Red", 0.5), [1.0, "Red", 0.5]),
    "log_nan_and_infinities": (
        several("log", float("nan"), float("inf"), float("-inf"), -0.0),
        [float("nan"), float("inf"), float("-inf"), -0.0],
    ),
    "list": (several("log_list", [1, 2, 3]), [1, 2, 3]),
    "list_of_ints_and_floats": (several("log_list", [1, 2.5]), [1.0, 2.5]),
    "list_of_one": (several("log_list", [7]), 7),
    "list_twice": (several("log_list", [1, 2], [3]), [1, 2, 3]),
    "list_of_texts": (several("log_list", ("a", None)), ["a", None]),
    "list_of_an_array": (several("log_list", numpy.array([1.5, 2.5], dtype=numpy.float32)), [1.5, 2.5]),
    "row_once": (rows({"x": 1, "y": 0.5, "z": "a"}), {"x": 1, "y": 0.5, "z": "a"}),
    "row_many": (rows({"x": 1, "y": 0.5}, {"x": 2, "y": 1.5}), {"x": [1, 2], "y": [0.5, 1.5]}),
    "rows_with_other_columns": (
        rows({"x": 1}, {"y": "a"}, {"y": None, "x": 2}),
        {"x": [1, None, 2], "y": [None, "a", None]},
    ),
    "row_int_then_float": (rows({"x": 1}, {"x": 0.5}), {"x": [1.0, 0.5]}),
    "table_of_one_row": (several("log_table", {"x": [1], "y": ["a"]}), {"x": 1, "y": "a"}),
    "table_of_values": (several("log_table", {"x": 1, "y": False}), {"x": 1, "y": False}),
    "table": (several("log_table", {"x": [1, 2], "y": [0.5, None]}), {"x": [1, 2], "y": [0.5, None]}),
    "table_twice": (several("log_table", {"x": [1, 2]}, {"x": [3]}), {"x": [1, 2, 3]}),
    "scalar_and_row": (scalar_then_row, {"m": [1, None], "x": [None, "a"]}),
    "nothing": (lambda run: None, None),
}

EDGES = {"bin_edges": [0, 1], "bin_counts": [3]}
AVERAGES = {"bin_averages": [1.5], "bin_errors": [0.5], **EDGES}
MATRIX = {"class_labels": ["cat"], "matrix": [[8]]}
THRESHOLDS = {"probability_thresholds": [0.5], "percentile_thresholds": [0.5], "class_labels": ["cat"]}
RATES = {"probability_tables": [[[1, 2, 3, 4]]], "percentile_tables": [[[1, 2, 3, 4]]], **THRESHOLDS}
CHARTS = {"confusion_matrix": MATRIX, "accuracy_table": RATES, "residuals": EDGES, "predictions": AVERAGES}


def chart(kind: str, version: str) -> dict[str, Any]:
    return {"schema_type": kind, "schema_version": version, "data": CHARTS[kind]}


FILES: dict[str, Callable[[Run], None]] = {
    "image": several("log_image", b"GIF89a 1", b"BM 2"),
    **{kind: several(f"log_{kind}", chart(kind, "v1"), chart(kind, "v2")) for kind in CHARTS},
}

READ = """
import pickle, sys
from bridge import Run, Workspace

workspace = Workspace.open(sys.argv[1])
read = {}
for name, run_id in pickle.load(sys.stdin.buffer).items():
    run = Run.get(workspace, run_id)
    read[name] = {
        "all": run.get_metrics(),
        "named": run.get_metrics(name="m"),
        "unknown": run.get_metrics(name="unknown"),
        "recursive": run.get_metrics(recursive=True),
        "populated": run.get_metrics(populate=True),
    }
sys.stdout.buffer.write(pickle.dumps(read))
"""


class Read(NamedTuple):
    """The results that a new process read, and the id of the run, by the name of the shape."""

    answers: dict[str, dict[str, Any]]
    run_ids: dict[str, str]


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Read:
    folder: Path = tmp_path_factory.mktemp("shapes") / "work"
    experiment = Experiment(Workspace.create("work", path=folder), "shapes")
    run_ids = {}
    for name, log in {**{name: log for name, (log, _) in SHAPES.items()}, **FILES}.items():
        with experiment.start_logging(snapshot_directory=None, outputs=False) as run:
            log(run)
        run_ids[name] = run.id
    command = [sys.executable, "-c", READ, str(folder)]
    done = subprocess.run(command, input=pickle.dumps(run_ids), stdout=subprocess.PIPE, check=True)
    return Read(pickle.loads(done.stdout), run_ids)


@pytest.mark.parametrize("name", SHAPES)
def test_a_new_process_reads_the_right_shape_and_types(read: Read, name: str) -> None:
    expected = {} if name == "nothing" else {"m": SHAPES[name][1]}
    answers = read.answers[name]
    assert spelled(answers["all"]) == spelled(expected)
    assert spelled(answers["named"]) == spelled(expected)
    assert answers["unknown"] == {}
    assert spelled(answers["recursive"]) == spelled({read.run_ids[name]: expected} if expected else {})


@pytest.mark.parametrize("name", FILES)
def test_a_new_process_reads_the_uri_or_the_content_of_the_first_file(read: Read, name: str) -> None:
    answers, run_id = read.answers[name], read.run_ids[name]
    pattern = r"metrics/m_\d{13}_[0-9a-f]{4}\.json"
    if name == "image":
        pattern = r"images/m\+step\+\d\+timestamp\+\d{13}\+[0-9a-f]{4}\.gif"
    address = answers["all"]["m"]
    assert type(address) is str
    found = re.fullmatch(rf"aml://artifactId/ExperimentRun/dcid\.{run_id}/({pattern})", address)
    assert found
    assert answers["all"] == answers["named"] == answers["recursive"][run_id]
    file = answers["populated"]["m"]
    assert (file.kind, file.path, file.filename) == (name, found[1], found[1].partition("/")[2])
    assert type(file.data) is bytes
    if name == "image":
        assert file.data == b"GIF89a 1"
    else:
        assert file.convert_to_object() == chart(name, "v1")
