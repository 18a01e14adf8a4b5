"""The conformance suite of columns, matches, counts and groups of runs."""

from __future__ import annotations

import math
from typing import Any, get_args

import pytest

from bridge.errors import InvalidValue
from bridge.records.run import RunChanges, RunRecord
from bridge.records.search import Comparison, Ordering, RunQuery
from bridge.records.views import FIRST_IDS, Column, Numbers, RunColumns, Spread, Statistic
from bridge.store.backend import Backend
from bridge.store.one_run import create_run
from bridge.testing.strategies import row

ALL = RunQuery(("0",))
LOSS = Column("metric", "loss")
MODEL = Column("param", "model")


def shown(found: RunColumns, at: int = 0) -> list[Any]:
    """Return the values of a column as a list. A missing value is `...`."""
    column = found.columns[at]
    if isinstance(column, Numbers):
        values: list[Any] = column.values.tolist()
        assert all(math.isnan(v) for v, present in zip(values, column.present.tolist(), strict=True) if not present)
    else:
        assert len(set(column.words)) == len(column.words)
        values = [column.words[code] if column.words else "" for code in column.codes.tolist()]
    return [value if present else ... for value, present in zip(values, column.present.tolist(), strict=True)]


def values(store: Backend, column: Column, query: RunQuery = ALL) -> list[Any]:
    """Return the values of one column of the runs that match a query."""
    return shown(store.views.get_columns(query, [column]))


def create_models(store: Backend) -> None:
    """Create runs with the params a, b, a, none and a, with numbers from 1 and increasing start times."""
    for number, model in enumerate(("a", "b", "a", None, "a")):
        params = {} if model is None else {"model": model}
        create_run(store, RunRecord(f"r{number}", "0", start_time=number, params=params))


class ColumnPromises:
    """The tests of columns and matches, which `RunViewsTests` inherits. Each test checks one promise."""

    def test_columns_are_in_the_order_of_the_query(self, store: Backend) -> None:
        create_models(store)
        found = store.views.get_columns(ALL, [MODEL, Column("attribute", "start_time")])
        assert found.ids == ("r4", "r3", "r2", "r1", "r0")
        assert found.numbers.tolist() == [5, 4, 3, 2, 1]
        assert found.total == 5
        assert shown(found) == ["a", ..., "a", "b", "a"]
        assert shown(found, 1) == [4.0, 3.0, 2.0, 1.0, 0.0]
        types = [found.numbers.dtype, found.columns[0][0].dtype, found.columns[1][0].dtype, found.columns[0][-1].dtype]
        assert [str(type) for type in types] == ["int64", "uint32", "float64", "bool"]

    def test_a_part_of_the_columns_is_returned_with_the_total(self, store: Backend) -> None:
        create_models(store)
        query = RunQuery(("0",), order=(Ordering("attribute", "start_time"),), max_results=1)
        found = store.views.get_columns(query, [MODEL, MODEL], offset=1, limit=2)
        assert (found.ids, found.total) == (("r1", "r2"), 5)
        assert [shown(found), shown(found, 1)] == [["b", "a"]] * 2
        assert store.views.get_columns(query, [MODEL], offset=4).ids == ("r4",)
        assert store.views.get_columns(query, [MODEL], offset=9).ids == ()
        assert store.views.get_columns(query, [MODEL], limit=0).total == 5
        for offset, limit in ((-1, None), (0, -1)):
            with pytest.raises(InvalidValue):
                store.views.get_columns(query, [], offset, limit)

    def test_a_query_that_matches_nothing_gives_empty_columns(self, store: Backend) -> None:
        create_models(store)
        for query in (RunQuery(("0",), view="deleted"), RunQuery(()), RunQuery(("77", "x"))):
            found = store.views.get_columns(query, [MODEL, LOSS])
            assert (found.ids, found.total, shown(found), shown(found, 1)) == ((), 0, [], [])

    def test_each_statistic_of_a_metric_is_a_column(self, store: Backend, run: str) -> None:
        for step, value in ((3, 0.5), (1, 0.75), (2, 0.25), (3, 0.5), (0, math.nan)):
            store.log(run, "loss", value, 10, step)
        found = {name: values(store, Column("metric", "loss", name)) for name in get_args(Statistic)}
        values_of = {"last": 0.5, "first": 0.75, "min": 0.25, "max": 0.75}
        steps = {"step": 3.0, "min_step": 2.0, "max_step": 1.0}
        assert found == {name: [value] for name, value in {**values_of, **steps, "count": 5.0}.items()}

    def test_infinities_are_values_and_nan_is_skipped(self, store: Backend) -> None:
        logged = {"a": (math.nan, math.inf, -math.inf), "b": (math.nan, math.nan), "c": (math.nan,)}
        for run_id, numbers in logged.items():
            create_run(store, RunRecord(run_id, "0"))
            for step, number in enumerate(numbers):
                store.log(run_id, "loss", number, 1, step)
        create_run(store, RunRecord("d", "0"))
        for statistic, expected in (("first", math.inf), ("min", -math.inf), ("max", math.inf), ("last", -math.inf)):
            column = store.views.get_columns(ALL, [Column("metric", "loss", statistic)]).columns[0]  # type: ignore[arg-type]
            assert column[0].tolist()[0] == expected
            assert [math.isnan(value) for value in column[0].tolist()] == [False, True, True, True]
            assert column[-1].tolist() == [True, True, True, False]

    def test_the_first_value_has_the_least_step_and_then_the_least_timestamp(self, store: Backend, run: str) -> None:
        for step, timestamp, value in ((1, 5, 1.0), (0, 9, 2.0), (0, 3, 3.0), (0, 3, 4.0), (0, 1, math.nan)):
            store.log(run, "loss", value, timestamp, step)
        assert values(store, Column("metric", "loss", "first")) == [3.0]

    def test_the_step_of_an_extreme_is_that_of_its_first_logged_point(self, store: Backend) -> None:
        logged = {"a": ((7, 1.0), (5, 2.0), (6, 1.0), (9, 2.0)), "b": ((4, math.nan),), "c": ((8, math.inf),)}
        for run_id, points in {**logged, "d": ((1, math.nan), (2, math.nan)), "e": ()}.items():
            create_run(store, RunRecord(run_id, "0"))
            for step, value in points:
                store.log(run_id, "loss", value, 1, step)
        for statistic, expected in (("min_step", 7.0), ("max_step", 5.0)):
            column = store.views.get_columns(ALL, [Column("metric", "loss", statistic)]).columns[0]  # type: ignore[arg-type]
            assert [column[0][0], column[0][2]] == [expected, 8.0]
            assert [math.isnan(value) for value in column[0].tolist()] == [False, True, False, True, True]
            assert column[-1].tolist() == [True, True, True, True, False]

    def test_statistics_stay_right_when_points_are_added(self, store: Backend, run: str) -> None:
        for step, value in ((5, 1.0), (4, 3.0), (6, -1.0), (3, math.nan)):
            store.log(run, "loss", value, 1, step)
            store.views.get_columns(ALL, [LOSS])  # a journaled store folds
        names: Any = ("first", "min", "max", "count", "min_step", "max_step")
        found = [values(store, Column("metric", "loss", name)) for name in names]
        assert found == [[3.0], [-1.0], [3.0], [4.0], [6.0], [4.0]]

    def test_a_table_column_is_a_metric_under_its_full_name_and_under_its_two_names(
        self, store: Backend, run: str
    ) -> None:
        store.log_points(run, row("table", {"x": 1.0, "y.z": 2.0, "text": "a"}, 1, 0))
        store.log_points(run, row("table", {"x": 3.0}, 1, 1))
        assert values(store, Column("metric", "table.x")) == [3.0]
        assert values(store, Column("metric", "table", column="x")) == [3.0]
        assert values(store, Column("metric", "table", "min", column="x")) == [1.0]
        assert values(store, Column("metric", "table.y.z", "count")) == [1.0]
        for missing in (Column("metric", "table"), Column("metric", "table.text"), Column("metric", "x")):
            assert values(store, missing) == [...]

    def test_of_several_series_with_one_name_the_one_with_the_greatest_latest_point_counts(
        self, store: Backend
    ) -> None:
        for run_id, step in (("a", 1), ("b", 9), ("c", 5)):
            create_run(store, RunRecord(run_id, "0"))
            store.log_points(run_id, row("loss", {"x": 0.5}, 1, 5))
            store.log(run_id, "loss.x", 0.25, 1, step)
            store.log(run_id, "loss.x", 0.5, 1, step)
        assert values(store, Column("metric", "loss.x", "step")) == [5.0, 9.0, 5.0]
        assert values(store, Column("metric", "loss.x", "min")) == [0.5, 0.25, 0.25]
        assert values(store, Column("metric", "loss", "count", "x")) == [1.0, 1.0, 1.0]

    def test_of_equal_latest_points_that_of_the_series_that_was_logged_first_counts(self, store: Backend) -> None:
        both = ("a", "b.c"), ("a.b", "c")
        for run_id, tables in (("r1", both), ("r2", both[::-1])):
            create_run(store, RunRecord(run_id, "0"))
            for first, (key, column) in enumerate(tables):
                store.log_points(run_id, [*row(key, {column: first}, 1, 0), *row(key, {column: 5.0}, 1, 1)])
        assert values(store, Column("metric", "a.b.c", "min")) == [0.0, 0.0]

    def test_a_text_metric_is_no_number(self, store: Backend, run: str) -> None:
        store.log(run, "loss", "high", 1, 0)
        assert values(store, LOSS) == [...]
        store.log(run, "loss", 1, 1, 1)
        assert values(store, LOSS) == [1.0]

    def test_a_tag_may_be_a_property_or_a_logged_text(self, store: Backend) -> None:
        tag = Column("tag", "team")
        create_run(store, RunRecord("a", "0", tags={"team": "x"}, properties={"team": "y"}))
        create_run(store, RunRecord("b", "0", properties={"team": "y"}))
        create_run(store, RunRecord("c", "0", tags={"team": None}))
        create_run(store, RunRecord("d", "0"))
        create_run(store, RunRecord("e", "0"))
        for run_id in "abcd":
            store.log(run_id, "team", True, 1)
        assert values(store, tag) == ["x", "y", None, "True", ...]
        assert values(store, Column("property", "team")) == ["y", "y", ..., ..., ...]

    def test_texts_may_contain_a_nul(self, store: Backend) -> None:
        texts = ("a", "a\0b", "a\0c", "a", "\0" * 64 + "b")
        for number, text in enumerate(texts):
            create_run(store, RunRecord(f"r{number}", "0", params={"model": text}, tags={"t": text}))
        assert values(store, MODEL) == list(texts)
        assert values(store, Column("tag", "t")) == list(texts)
        assert dict(store.views.count_runs(ALL, MODEL))["a"] == 2
        for text, expected in (("a", ("r0", "r3")), ("a\0b", ("r1",)), ("", ())):
            assert store.views.match(RunQuery(("0",), (Comparison("param", "model", "=", text),))).ids == expected
        keys = store.views.list_keys(("0",)).items
        assert [(key.runs, key.words) for key in keys] == [(5, (("a", 2), ("a\0b", 1), ("a\0c", 1)))] * 2

    def test_attributes_are_columns(self, store: Backend) -> None:
        create_run(
            store,
            RunRecord("a", "0", "A", status="Completed", start_time=5, end_time=8, user="u", parent_id="b", type="t"),
        )
        create_run(store, RunRecord("b", "0", start_time=1, description="long"))
        store.delete_runs(("b",), 9)
        expected: dict[str, list[Any]] = {
            "run_id": ["a", "b"],
            "display_name": ["A", ""],
            "status": ["Completed", "NotStarted"],
            "lifecycle_stage": ["active", "deleted"],
            "user": ["u", ""],
            "parent_id": ["b", ...],
            "description": [..., "long"],
            "type": ["t", ...],
            "experiment_id": ["0", "0"],
            "number": [1.0, 2.0],
            "start_time": [5.0, 1.0],
            "end_time": [8.0, ...],
            "deletion_time": [..., 9.0],
            "duration": [3.0, ...],
        }
        query = RunQuery(("0",), view="all")
        found = {key: values(store, Column("attribute", key), query) for key in expected}
        assert found == expected

    @pytest.mark.parametrize(
        "column",
        [
            ("dataset", "name"),
            ("attribute", "loss"),
            ("metric", "loss", "sum"),
            ("param", "a", "max"),
            ("param", "\ud800"),
        ],
    )
    def test_a_column_that_no_run_can_have_is_refused(self, column: tuple[Any, ...]) -> None:
        with pytest.raises(InvalidValue):
            Column(*column)

    def test_matches_are_in_the_order_of_the_query(self, store: Backend) -> None:
        create_models(store)
        found = store.views.match(RunQuery(("0",), (Comparison("param", "model", "=", "a"),), max_results=1))
        assert (found.ids, found.numbers.tolist()) == (("r4", "r2", "r0"), [5, 3, 1])
        assert store.views.match(RunQuery(("0",), (Comparison("param", "model", "=", "c"),))).ids == ()

    def test_a_change_is_seen_by_the_next_view(self, store: Backend, other: Backend) -> None:
        create_models(store)
        store.log("r1", "loss", 0.5, 1)
        assert values(other, LOSS) == [..., ..., ..., 0.5, ...]
        store.update_runs(("r1", "r0"), RunChanges(status="Completed", tags={"a": "1"}))
        store.log("r1", "loss", 0.25, 2)
        store.delete_runs(("r4",), 5)
        store.purge_runs(("r3",))
        found = other.views.get_columns(ALL, [LOSS, Column("attribute", "status"), Column("tag", "a")])
        assert found.ids == ("r2", "r1", "r0")
        assert [shown(found, at) for at in range(3)] == [
            [..., 0.25, ...],
            ["NotStarted", "Completed", "Completed"],
            [..., "1", "1"],
        ]


class GroupPromises:
    """The tests of counts and groups, which `RunViewsTests` inherits. Each test checks one promise."""

    def test_runs_are_counted(self, store: Backend) -> None:
        create_models(store)
        store.delete_runs(("r4",), 5)
        assert store.views.count_runs(ALL) == [(None, 4)]
        assert store.views.count_runs(RunQuery(("0",), view="all")) == [(None, 5)]
        assert store.views.count_runs(RunQuery(("0",), (Comparison("param", "model", "=", "b"),))) == [(None, 1)]
        assert store.views.count_runs(RunQuery(("7",))) == [(None, 0)]

    def test_runs_are_counted_by_a_column_of_texts(self, store: Backend) -> None:
        create_models(store)
        create_run(store, RunRecord("tag", "0", params={"model": "c"}, tags={"model": None}))
        assert store.views.count_runs(ALL, MODEL) == [("a", 3), ("b", 1), ("c", 1), (None, 1)]
        store.update_runs(("r0", "r1", "r2"), RunChanges(status="Running"))
        status = Column("attribute", "status")
        assert store.views.count_runs(ALL, status) == [("NotStarted", 3), ("Running", 3)]
        only = RunQuery(("0",), (Comparison("param", "model", "=", "a"),))
        assert store.views.count_runs(only, status) == [("Running", 2), ("NotStarted", 1)]
        assert store.views.count_runs(ALL, Column("tag", "model")) == [(None, 6)]

    def test_runs_are_counted_by_a_column_of_numbers(self, store: Backend) -> None:
        create_models(store)
        for run_id, value in (("r0", 0.5), ("r1", math.nan), ("r2", 0.5), ("r4", -1)):
            store.log(run_id, "loss", value, 1)
        first, second, third, fourth = store.views.count_runs(ALL, LOSS)
        assert (first, second, fourth) == ((0.5, 2), (-1.0, 1), (None, 1))
        assert math.isnan(float(third[0] or 0)) and third[1] == 1

    def test_groups_have_the_spread_of_their_numbers(self, store: Backend) -> None:
        create_models(store)
        for run_id, value in (("r0", 1.0), ("r2", 4.0), ("r4", 10.0), ("r1", math.nan)):
            store.log(run_id, "loss", value, 1)
        found = store.views.group_runs(ALL, [MODEL], [LOSS, Column("attribute", "start_time")])
        assert [group.values for group in found] == [("a",), (None,), ("b",)]
        assert [(group.runs, group.ids) for group in found] == [(3, ("r4", "r2", "r0")), (1, ("r3",)), (1, ("r1",))]
        assert found[0].spreads[0] == Spread(3, 5.0, math.sqrt(21), 1.0, 10.0, 4.0)
        assert found[0].spreads[1] == Spread(3, 2.0, 2.0, 0.0, 4.0, 2.0)
        assert found[2].spreads[0].count == 0
        assert all(math.isnan(number) for number in (found[2].spreads[0].mean, found[2].spreads[0].median))
        assert found[2].spreads[1].mean == 1.0
        assert math.isnan(found[2].spreads[1].deviation)

    def test_groups_are_formed_by_several_columns_and_the_first_ones_are_returned(self, store: Backend) -> None:
        for number, (model, value) in enumerate((("a", 1), ("b", 1), ("a", 2), ("a", 1))):
            create_run(store, RunRecord(f"r{number}", "0", start_time=-number, params={"model": model}))
            store.log(f"r{number}", "loss", value, 1)
        found = store.views.group_runs(ALL, [MODEL, LOSS], [], limit=2)
        assert [(group.values, group.ids) for group in found] == [(("a", 1.0), ("r0", "r3")), (("b", 1.0), ("r1",))]
        many = store.views.group_runs(ALL, [LOSS], [LOSS, LOSS])
        assert [group.runs for group in many] == [3, 1]
        assert many[0].spreads == (many[0].spreads[1],) * 2

    def test_a_group_names_only_its_first_runs(self, store: Backend) -> None:
        ids = [f"r{number:03}" for number in range(FIRST_IDS + 2)]
        store.create_runs([RunRecord(run_id, "0", start_time=1) for run_id in ids])
        (group,) = store.views.group_runs(ALL, [MODEL], [])
        assert (group.runs, group.ids) == (FIRST_IDS + 2, tuple(ids[:FIRST_IDS]))

    def test_groups_that_cannot_be_formed_are_refused(self, store: Backend) -> None:
        wrong: list[tuple[list[Column], list[Column], int]] = [([], [LOSS], 1), ([MODEL], [MODEL], 1), ([MODEL], [], 0)]
        for by, of, limit in wrong:
            with pytest.raises(InvalidValue):
                store.views.group_runs(ALL, by, of, limit)
