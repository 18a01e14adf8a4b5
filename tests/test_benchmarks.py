"""The benchmarks run, and their table compares each value with its yardstick and its bar."""

from __future__ import annotations

import gc
import os
import runpy
import shutil
import sys
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from forked import Fork, Say

from benchmarks.harness import places
from benchmarks.harness.all import FOLDER, names, results
from benchmarks.harness.command import Options, read_rows
from benchmarks.harness.measure import Case, measure, quantile
from benchmarks.harness.rows import (
    Row,
    aligned,
    at_least,
    at_most,
    better_than_mlflow,
    in_order,
    value_at_least,
    value_at_most,
)

ROW = Row("1", "a call", 6.0, "µs", "a write", 2.0, 60.0)


@pytest.mark.parametrize(
    ("bar", "holds"),
    [
        (at_most(3), True),
        (at_most(2.9), False),
        (at_least(3), True),
        (at_least(3.1), False),
        (better_than_mlflow(10), True),
        (better_than_mlflow(10.1), False),
        (value_at_most(6), True),
        (value_at_most(5.9), False),
        (value_at_least(6), True),
        (value_at_least(6.1), False),
        (None, None),
    ],
)
def test_a_row_is_compared_with_its_bar(bar, holds):
    assert replace(ROW, bar=bar).holds is holds


def test_a_greater_rate_is_better():
    row = Row("4", "points", 60.0, "points/s", "bare", 120.0, 6.0, better_than_mlflow(10))
    assert (row.ratio, row.times_mlflow, row.verdict) == (0.5, 10.0, "holds")


def test_a_row_without_a_value_is_not_built_yet():
    row = replace(ROW, value=None, bar=at_most(3))
    assert (row.holds, row.verdict) == (None, "not built yet")


def test_a_bar_that_is_missed_is_visible():
    assert "MISSED" in aligned([replace(ROW, bar=at_most(2))])


def test_rows_are_sorted_by_their_promise():
    promises = ["row", "10", "1b", "1", "2"]
    assert [row.promise for row in in_order(replace(ROW, promise=name) for name in promises)] == [
        "1", "1b", "2", "10", "row"
    ]  # fmt: skip


def test_cases_are_measured_in_turn():
    calls = []
    cases = {name: Case(lambda number, name=name: calls.append((name, number))) for name in "ab"}
    times = measure(cases, repeats=2)
    assert calls == [("b", 0), ("a", 0), ("a", 1), ("b", 1), ("b", 2), ("a", 2)]
    assert [len(times[name].walls) for name in "ab"] == [2, 2]


def test_a_slow_case_is_measured_less_often():
    times = measure({"a": Case(str), "slow": Case(str, most=2)}, repeats=5)
    assert [len(times[name].walls) for name in ("a", "slow")] == [5, 2]


def test_the_time_of_a_preparation_does_not_count():
    made: list[str] = []
    measure({"a": Case(made.append, prepare=lambda: "prepared")}, repeats=1, warm_up=0)
    assert made == ["prepared"]


def test_a_quantile_is_one_of_the_values():
    assert [quantile([3.0, 1.0, 2.0, 4.0], share) for share in (0, 0.5, 0.999)] == [1.0, 3.0, 4.0]


def test_the_results_have_a_line_for_each_row():
    text = results([ROW, replace(ROW, promise="2", note="a | b")], "the machine")
    assert text.splitlines()[-1].startswith("| 2 | a call | 6.00 µs |") and r"a \| b" in text


def test_a_size_selects_a_value(tmp_path):
    with ExitStack() as ending:
        tiny, long = (Options(size, tmp_path, ending) for size in ("tiny", "long"))
        assert [options.pick(1, 2, 3) for options in (tiny, long)] == [1, 3]
        assert [options.repeats(9) for options in (tiny, long)] == [1, 9]


@pytest.fixture(scope="module")
def mlflow_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with MLflow's own tables, which all benchmarks copy: each would need seconds to create one."""
    path = tmp_path_factory.mktemp("template") / "mlflow.db"
    places.create_mlflow_database(path)
    return path


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.parametrize("name", names())
def test_a_benchmark_runs(tmp_path: Path, name: str, fork: Fork, mlflow_database: Path) -> None:
    """The process is forked, because each would need seconds to import MLflow."""
    rows_file, printed = tmp_path / "rows.json", tmp_path / "printed.txt"

    def run(say: Say) -> None:
        descriptor = os.open(printed, os.O_WRONLY | os.O_CREAT)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        sys.stdout, sys.stderr = (open(number, "w", closefd=False) for number in (1, 2))
        gc.unfreeze = lambda: None  # the many objects of this process are no garbage of the benchmark
        places.create_mlflow_database = partial(shutil.copyfile, mlflow_database)  # type: ignore[assignment]
        sys.argv = [str(FOLDER / f"{name}.py"), "--size", "tiny", "--json", str(rows_file)]
        with pytest.raises(SystemExit, match="^0$"):
            runpy.run_path(sys.argv[0], run_name="__main__")

    assert fork(run).wait() == 0, printed.read_text()
    rows = read_rows(rows_file)
    assert rows and {row.verdict for row in rows} <= {"holds", "MISSED", "", "not built yet"}
    assert all(row.name.split()[0] in printed.read_text() for row in rows)
