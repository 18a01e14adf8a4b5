"""The conformance suite of the rows of tables, of images and of descriptions."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from bridge.errors import InvalidValue
from bridge.records.limits import ROW_COLUMNS
from bridge.records.run import RunRecord
from bridge.records.search import Comparison, Ordering
from bridge.records.series import (
    ACCURACY_TABLE,
    COLUMN,
    CONFUSION_MATRIX,
    DESCRIPTION,
    IMAGE,
    PREDICTIONS,
    RESIDUALS,
    SCALAR,
    Latest,
    Point,
    SeriesRecord,
    Value,
    imprecise_warning,
)
from bridge.store.backend import Backend
from bridge.store.history import mlflow_history
from bridge.store.one_run import create_run, get_run, get_series
from bridge.testing.naive import LoggedPoint, check_series, log_naively
from bridge.testing.slices import Entry, make_slice
from bridge.testing.strategies import FLOATS, INTS, QUIET_NAN, TEXTS, bits_of, row
from bridge.testing.tracking_points import native, numbers_of
from bridge.testing.tracking_search import run_ids

BAD_CELLS: tuple[tuple[Any, ...], ...] = (
    (Point("t", 1.0, 1, None, COLUMN),),
    (Point("t", 1.0, 1, None, COLUMN, "a\nb"),),
    (Point("t", 1.0, 1, None, COLUMN, "x" * 256),),
    (Point("t", 1.0, 1, None, COLUMN, 5),),  # type: ignore[arg-type]
    (Point("t", 1.0, 1, None, COLUMN, "x", True),),
    (Point("t", 1.0, 1, None, SCALAR, "x"),),
    (Point("t", 1.0, 1, None, SCALAR, "", True),),
    (Point("t", 1.0, 1, None, 8),),
    (Point("t", 1.0, 1, None, -1),),
    (Point("t", 1.0, 1, None, "image"),),  # type: ignore[arg-type]
    (Point("t", 1.0, 1, None, IMAGE),),
    (Point("t", "", 1, None, IMAGE),),
    (Point("t", None, 1, None, RESIDUALS),),
    (Point("t", 1.0, 1, 0, DESCRIPTION),),
    (Point("t", 1.0, 1, None, COLUMN, "x"), Point("t", 2.0, 1, None, COLUMN, "x", True)),
    (Point("t", 1.0, 1, None, COLUMN, "x"), Point("t", "a", 1, None, COLUMN, "x", True)),
    (Point("t", 1.0, 1, None, COLUMN, "x"), Point("u", 2.0, 1, None, COLUMN, "y", True)),
    (Point("t", 1.0, 1, None, COLUMN, "x"), Point("t", 2.0, 2, None, COLUMN, "y", True)),
    (Point("t", 1.0, 1, None, COLUMN, "x"), Point("t", 2.0, 1, 0, COLUMN, "y", True)),
    (Point("t", 1.0, 1, None, COLUMN, "x"), Point("t", 2.0, 1), Point("t", 2.0, 1, None, COLUMN, "y", True)),
    (Point("t", 1.0, 1), Point("t", 2.0, 1, None, COLUMN, "y", True)),
    (Point("t", 1.0, 1, None, COLUMN, "x"), Point("t", [], 1, None, COLUMN, "y", True)),  # type: ignore[arg-type]
)
"""The points of calls that a store must refuse. Each call has a mistake in a kind, a column or a row."""


def table(store: Backend, key: str = "t") -> dict[str, list[tuple[int, Value]]]:
    """Return the cells of a table as tuples (position, value), by column. All numbers are floats."""
    found: dict[str, list[tuple[int, Value]]] = {}
    for record in get_series(store, "r1", [key]):
        if record.kind == COLUMN:
            values = record.texts if record.numbers is None else record.numbers.tolist()
            found.setdefault(record.column, []).extend(zip(record.positions.tolist(), values or [], strict=True))
    return {column: sorted(cells, key=lambda cell: cell[0]) for column, cells in found.items()}


def columns_of(records: list[SeriesRecord]) -> list[tuple[str, int, str]]:
    return [(record.column, record.kind, record.value_type) for record in records]


class RowPromises:
    """The tests of rows, images and descriptions, which `TrackingStoreTests` inherits. Each checks one promise."""

    def test_the_cells_of_a_row_share_its_position_and_step(self, store: Backend, run: str) -> None:
        store.log_points(run, [*row("t", {"x": 1, "y": 0.5}, 7), *row("t", {"x": 2, "y": 0.25}, 8)])
        store.log_points(run, row("t", {"x": 3, "y": 0.125}, 9))
        records = get_series(store, run, ["t"])
        assert columns_of(records) == [("x", COLUMN, "number"), ("y", COLUMN, "number")]
        for record in records:
            assert record.steps.tolist() == [0, 1, 2]
            assert record.timestamps.tolist() == [7, 8, 9]
        assert records[0].positions.tolist() == records[1].positions.tolist()
        assert [record.all_ints for record in records] == [True, False]
        assert get_run(store, run).latest_columns == {("t", "x"): Latest(3.0, 9, 2), ("t", "y"): Latest(0.125, 9, 2)}
        assert (get_run(store, run).latest, get_run(store, run).latest_texts) == ({}, {})

    def test_rows_may_have_other_columns_each(self, store: Backend, run: str) -> None:
        rows: list[dict[str, Value]] = [{"x": 1}, {"y": 2, "x": 3}, {"z": "a"}, {"y": 4}]
        store.log_points(run, [point for cells in rows for point in row("t", cells, 1)])
        found = table(store)
        assert {column: [value for _, value in cells] for column, cells in found.items()} == {
            "x": [1, 3], "y": [2, 4], "z": ["a"],
        }  # fmt: skip
        places = sorted({position for cells in found.values() for position, _ in cells})
        assert len(places) == 4
        assert [[places.index(position) for position, _ in found[column]] for column in "xyz"] == [[0, 1], [1, 3], [2]]

    def test_a_row_of_one_cell_is_a_row(self, store: Backend, run: str) -> None:
        store.log_points(run, [*row("t", {"x": 1.5}, 1), *row("t", {"y": 2.5}, 1)])
        assert [len({position for position, _ in cells}) for cells in table(store).values()] == [1, 1]
        assert table(store)["x"][0][0] < table(store)["y"][0][0]

    def test_rows_and_scalars_of_one_key_have_one_log_order(self, store: Backend, run: str) -> None:
        logged = [
            Point("t", 1.0, 1), *row("t", {"x": 2, "y": "b"}, 1), Point("t", "c", 1), *row("t", {"y": 4}, 1, 9),
            Point("t", "a.png", 1, None, IMAGE), Point("t", "words", 1, 0, DESCRIPTION), Point("t", 5, 1),
        ]  # fmt: skip
        expected: dict[str, list[LoggedPoint]] = {}
        for points in (logged, logged[:3], logged[3:]):
            store.log_points(run, points)
            log_naively(expected, points, 0)
        check_series(get_series(store, run, ["t"]), expected["t"])
        assert native(store, "t") == [1.0, "c", 5.0, 1.0, "c", 5.0]

    def test_the_bits_of_cells_are_kept(self, store: Backend, run: str) -> None:
        for value in FLOATS:
            store.log_points(run, row("t", {"x": value, "y": -0.0}, 1))
        records = {record.column: record for record in get_series(store, run)}
        assert records["x"].numbers is not None and records["y"].numbers is not None
        assert [bits_of(value) for value in records["x"].numbers.tolist()] == [bits_of(value) for value in FLOATS]
        assert {bits_of(value) for value in records["y"].numbers.tolist()} == {bits_of(-0.0)}
        assert mlflow_history([records["y"]]).values.tolist() == [0.0] * len(FLOATS)

    def test_cells_hold_texts_and_numbers_of_every_kind(self, store: Backend, run: str) -> None:
        for at, text in enumerate(TEXTS):
            store.log_points(run, row("t", {"text": text, "number": INTS[at], "again": text, "either": at or "x"}, 1))
        series = {(record.column, record.value_type): record for record in get_series(store, run)}
        assert series["text", "text"].texts == series["again", "text"].texts == list(TEXTS)
        assert [type(value) for value in series["text", "text"].texts or []] == [type(value) for value in TEXTS]
        assert series["number", "number"].all_ints
        assert [value for _, value in table(store)["either"]] == ["x", *map(float, range(1, len(TEXTS)))]
        assert get_run(store, run).warnings == (imprecise_warning("t"),)

    def test_a_column_gives_ints_until_a_float_joins(self, store: Backend, run: str) -> None:
        store.log_points(run, row("t", {"x": 1, "y": 1}, 1))
        store.log_points(run, row("t", {"x": 2, "y": 2.0}, 1))
        assert {record.column: record.all_ints for record in get_series(store, run)} == {"x": True, "y": False}

    def test_the_latest_cell_is_the_greatest_by_step_timestamp_and_value(self, store: Backend, run: str) -> None:
        for x, y, timestamp, step in ((1.0, 9.0, 5, 2), (3.0, 8.0, 4, 2), (2.0, "z", 5, 2), (9.0, 9.0, 9, 1)):
            store.log_points(run, row("t", {"x": x, "y": y}, timestamp, step))
        assert get_run(store, run).latest_columns == {("t", "x"): Latest(2.0, 5, 2), ("t", "y"): Latest(9.0, 5, 2)}
        assert get_run(store, run, latest=False).latest_columns == {}

    @pytest.mark.parametrize("kind", [IMAGE, CONFUSION_MATRIX, ACCURACY_TABLE, RESIDUALS, PREDICTIONS])
    def test_every_artifact_of_a_key_is_kept(self, store: Backend, run: str, kind: int) -> None:
        store.log_points(run, [Point("p", "images/p.png", 1, None, kind), Point("p", "images/p_2.png", 2, 7, kind)])
        (record,) = get_series(store, run)
        assert (record.kind, record.column, record.value_type) == (kind, "", "text")
        assert (record.texts, record.steps.tolist()) == (["images/p.png", "images/p_2.png"], [0, 7])
        seen = get_run(store, run)
        assert (seen.latest, seen.latest_texts, seen.latest_columns) == ({}, {}, {})

    def test_a_description_is_no_value_of_its_key_and_counts_as_no_step(self, store: Backend, run: str) -> None:
        for value in (1.0, 2.0):
            store.log_points(run, [Point("loss", f"about {value}", 1, 0, DESCRIPTION), Point("loss", value, 1)])
        assert native(store, "loss") == [1.0, 2.0]
        records = {record.kind: record for record in get_series(store, run, ["loss"])}
        assert records[DESCRIPTION].texts == ["about 1.0", "about 2.0"]
        assert records[SCALAR].steps.tolist() == [0, 1]
        assert get_run(store, run).latest_texts == {}

    @pytest.mark.parametrize("points", BAD_CELLS)
    def test_an_invalid_row_is_refused_and_stores_nothing(
        self, store: Backend, run: str, points: tuple[Point, ...]
    ) -> None:
        with pytest.raises(InvalidValue):
            store.log_points(run, [Point("good", 1.0, 1), *row("good", {"x": 1.0}, 1), *points])
        assert get_series(store, run) == []

    def test_the_number_of_cells_in_a_row_is_limited(self, store: Backend, run: str) -> None:
        cells: dict[str, Value] = {f"c{at}": at for at in range(ROW_COLUMNS + 1)}
        with pytest.raises(InvalidValue, match="65535"):
            store.log_points(run, row("t", cells, 1))
        assert get_series(store, run) == []

    def test_the_texts_of_a_row_have_a_limit_too(self, store: Backend, run: str) -> None:
        text = "ü" * 65_535
        store.log_points(run, row("t", {f"c{at}": text for at in range(20)}, 1))
        assert {record.column for record in get_series(store, run) if record.texts == [text]} == {
            f"c{at}" for at in range(20)
        }
        with pytest.raises(InvalidValue, match="bytes"):
            store.log_points(run, row("t", {f"c{at}": text for at in range(100)}, 1))

    def test_wide_rows_are_whole(self, store: Backend, run: str) -> None:
        cells: dict[str, Value] = {f"c{at}": at for at in range(700)}
        for _ in range(2):
            store.log_points(run, row("wide", cells, 1))
        records = get_series(store, run, ["wide"])
        assert [(record.column, numbers_of(record)) for record in records] == [
            (f"c{at}", [float(at)] * 2) for at in range(700)
        ]

    def test_rows_of_threads_that_log_at_once_stay_whole(self, store: Backend, run: str) -> None:
        def log(thread: int) -> None:
            for at in range(25):
                store.log_points(run, row("t", dict.fromkeys("xyz", thread * 100 + at), 1))

        threads = [threading.Thread(target=log, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        x, y, z = get_series(store, run)
        assert numbers_of(x) == numbers_of(y) == numbers_of(z)
        assert x.positions.tolist() == y.positions.tolist() == z.positions.tolist()
        assert [record.steps.tolist() for record in (x, y, z)] == [list(range(100))] * 3
        for number in range(4):
            own = [value for value in numbers_of(x) if value // 100 == number]
            assert own == [float(number * 100 + at) for at in range(25)]

    def test_rows_of_several_journals_stay_whole(self, store: Backend, run: str) -> None:
        def entries(first: int, times: tuple[int, ...]) -> list[Entry]:
            return [
                Entry(run, "t", first + at, time=time, column=column, kind=COLUMN, joined=column != "x")
                for at, time in enumerate(times)
                for column in "xyz"
            ]

        store.append([
            make_slice("j1", 0, 1, entries(0, (10, 20, 20))),
            make_slice("j2", 0, 1, [*entries(100, (5, 20)), Entry(run, "t", 7.0, time=21)]),
        ])  # fmt: skip
        store.append([make_slice("j1", 1, 2, entries(50, (1,)))])
        order = [100, 0, 1, 2, 101, 50]
        positions = {tuple(position for position, _ in cells) for cells in table(store).values()}
        assert len(positions) == 1
        assert [[value for _, value in cells] for cells in table(store).values()] == [order] * 3
        assert [record.steps.tolist() for record in get_series(store, run)] == [[0, 1, 2, 3, 4, 6]] * 3 + [[5]]

    def test_rows_of_an_unknown_run_are_dropped_whole(self, store: Backend, run: str) -> None:
        def entries(run_id: str, value: float) -> list[Entry]:
            return [Entry(run_id, "t", value, column=c, kind=COLUMN, joined=c == "y") for c in "xy"]

        store.append(
            [make_slice("j", 0, 1, [*entries("no", 1), *entries(run, 2), *entries("no", 3), *entries(run, 4)])]
        )
        assert [[value for _, value in cells] for cells in table(store).values()] == [[2, 4]] * 2
        assert [record.steps.tolist() for record in get_series(store, run)] == [[0, 1]] * 2

    def test_runs_are_found_by_the_name_of_a_table_and_its_column(self, store: Backend, other: Backend) -> None:
        for run_id, value in (("low", 0.5), ("high", 9), ("nan", float("nan")), ("text", "3")):
            create_run(store, RunRecord(run_id, "0"))
            store.log_points(run_id, row("Cosine Wave", {"angle": value, "a.b": 1}, 1))
        create_run(store, RunRecord("scalar", "0"))
        store.log_points("scalar", [Point("Cosine Wave.angle", 2.0, 1, 5), *row("Cosine Wave", {"angle": 7}, 1, 4)])
        create_run(store, RunRecord("tie", "0"))
        store.log_points(
            "tie", [*row("Cosine Wave", {"angle": 0.0}, 1, 5), Point("Cosine Wave.angle", QUIET_NAN, 1, 5)]
        )
        create_run(store, RunRecord("image", "0"))
        store.log_points("image", [Point("Cosine Wave.angle", "1.png", 1, 0, IMAGE)])
        name = "Cosine Wave.angle"
        assert set(run_ids(other, Comparison("metric", name, "<", 3))) == {
            "low",
            "scalar",
        }
        assert set(run_ids(other, Comparison("metric", name, "!=", 9))) == {"low", "scalar", "nan", "tie"}
        assert set(run_ids(other, Comparison("metric", name, "IS NULL"))) == {"text", "image"}
        assert set(run_ids(other, Comparison("metric", "Cosine Wave.a.b", "=", 1))) == {"low", "high", "nan", "text"}
        assert run_ids(other, Comparison("metric", "Cosine Wave", ">", 0)) == []
        ordered = run_ids(other, order=(Ordering("metric", name, ascending=False),))
        assert ordered == ["high", "scalar", "low", "nan", "tie", "image", "text"]
