"""Large tables are journaled, folded and read without an SQL statement or a Python step for each cell."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.errors import InvalidValue
from bridge.records.run import RunRecord
from bridge.records.series import COLUMN, Point, Value
from bridge.store.journaled import JournaledStore
from bridge.store.one_run import create_run, get_series
from bridge.store.points import check_points
from bridge.store.sql.backend import SqlBackend
from bridge.store.sql.sqlite import open_sqlite
from bridge.testing.slices import Entry, make_slice
from bridge.testing.strategies import row

ROWS, COLUMNS = 3_000, 15


@pytest.fixture
def inner(tmp_path: Path) -> Iterator[SqlBackend]:
    store = open_sqlite(tmp_path / "workspace.db")
    yield store
    store.close()


@pytest.fixture
def store(inner: SqlBackend, tmp_path: Path) -> JournaledStore:
    store = JournaledStore(inner, tmp_path / "journal")
    create_run(store, RunRecord("r1", "0"))
    return store


def cells(number: int, columns: int = COLUMNS) -> dict[str, Value]:
    return {f"column {at}": number + at / 100 for at in range(columns)}


def test_a_table_of_45_000_cells_is_folded_and_read_in_less_than_a_second_of_cpu_time(store: JournaledStore) -> None:
    for number in range(ROWS):
        store.log_points("r1", row("table", cells(number), number))
    start = time.process_time()
    records = get_series(store, "r1")
    assert time.process_time() - start < 1  # about 0.06 s
    assert [len(record.positions) for record in records] == [ROWS] * COLUMNS
    for at, record in enumerate(records):
        assert record.numbers is not None
        assert record.numbers.tolist() == [number + at / 100 for number in range(ROWS)]
        assert record.positions.tolist() == record.steps.tolist() == record.timestamps.tolist() == list(range(ROWS))


@pytest.mark.parametrize("text", ["", "same", pytest.param("other sizes", marks=pytest.mark.slow)])
def test_more_rows_than_one_batch_are_read_in_order(store: JournaledStore, text: str) -> None:
    values: list[Value] = [f"{number:05}" if text == "same" else text and "x" * (number % 7) for number in range(9_000)]
    for number, value in enumerate(values):
        store.log_points("r1", row("table", {"x": number, "text": value, "y": -0.0}, 1))
        if number % 1_000 == 0:
            store.log("r1", "between", number, 1)
    x, texts, y, between = get_series(store, "r1")
    assert x.numbers is not None and y.numbers is not None and between.numbers is not None
    assert x.numbers.tolist() == list(range(9_000))
    assert texts.texts == values
    assert {math.copysign(1, number) for number in y.numbers.tolist()} == {-1.0}
    assert x.positions.tolist() == texts.positions.tolist() == y.positions.tolist() == list(range(9_000))
    assert between.numbers.tolist() == [number * 1_000 for number in range(9)]


def test_folding_takes_as_many_statements_for_many_series_as_for_one(inner: SqlBackend) -> None:
    run_ids = [f"r{number}" for number in range(20)]
    inner.create_runs([RunRecord(run_id, "0") for run_id in run_ids])
    statements: list[str] = []

    def entries(runs: int, columns: int) -> list[Entry]:
        return [
            Entry(run_id, key, 1.0, column=f"c{at}", kind=COLUMN, joined=at > 0)
            for run_id in run_ids[:runs]
            for key in ("t", "u")
            for at in range(columns)
        ]

    with inner.database.read() as connection:
        connection.set_trace_callback(statements.append)
    counts = []
    sizes = [("one", 1, 1), ("one more", 1, 1), ("many", 20, 10), ("many again", 20, 10)]
    for journal, runs, columns in sizes:
        statements.clear()
        inner.append([make_slice(journal, 0, 1, entries(runs, columns), ((run_ids[0], "w"),))])
        counts.append(len(statements))
    # One more statement may read the known names, one the stored series, and one may store the series with facts.
    assert max(counts) <= counts[0] + 3 and counts[3] == counts[1] <= counts[0] < 27
    assert [len(get_series(inner, run_id)) for run_id in run_ids] == [20] * 20


def test_all_mistakes_of_rows_are_reported() -> None:
    points = [
        Point("t", 1.0, 1, None, COLUMN, "\n"), Point("t", [], 1, None, COLUMN, "x", True),  # type: ignore[arg-type]
        Point("t", 1.0, 1, None, COLUMN, "x", True), Point("u", 1.0, 1, None, COLUMN, "x", True),
        Point("v", 1.0, 1, None, 9),
    ]  # fmt: skip
    with pytest.raises(InvalidValue) as caught:
        check_points(points)
    named = [problem.key for problem in caught.value.problems]
    assert named == ["column of 't'", "value of 't'", "column of 't'", "cell of 'u'", "kind of 'v'"]


def test_cells_become_python_values_and_plain_ones_are_unchanged() -> None:
    import numpy

    given = row("t", {"a": 1, "b": numpy.int64(2), "c": numpy.float32(0.5), "d": numpy.bool_(True)}, 1)  # type: ignore[dict-item]
    checked = check_points(given)
    assert [(type(point.value), point.value) for point in checked] == [(int, 1), (int, 2), (float, 0.5), (bool, True)]
    assert [point.joined for point in checked] == [False, True, True, True]
