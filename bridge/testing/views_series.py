"""The conformance suite of sampled series and tails."""

from __future__ import annotations

import math
from dataclasses import astuple
from typing import Any

import pytest

from bridge.errors import InvalidValue
from bridge.records.run import RunRecord
from bridge.records.series import BIG, COLUMN, MLFLOW, SCALAR, Point
from bridge.records.views import Buckets, SampledSeries, SeriesFacts
from bridge.store.backend import Backend
from bridge.store.one_run import create_run
from bridge.testing.naive import same_bits
from bridge.testing.strategies import row


def log_steps(store: Backend, run_id: str, values: dict[int, float], key: str = "loss") -> None:
    """Log values by step. The timestamp of a point is 10 times its step."""
    store.log_points(run_id, [Point(key, value, 10 * step, step) for step, value in values.items()])


def points_of(series: SampledSeries) -> list[tuple[float, float]]:
    """Return x and value of all points of a series that has no buckets."""
    assert series.x is not None and series.values is not None and series.buckets is None
    return list(zip(series.x.tolist(), series.values.tolist(), strict=True))


def buckets_of(series: SampledSeries) -> Buckets:
    """Return the buckets of a series that has no points."""
    assert series.buckets is not None and series.x is None and series.values is None
    return series.buckets


class SeriesPromises:
    """The tests of sampled series and tails, which `RunViewsTests` inherits. Each test checks one promise."""

    def test_a_short_series_is_returned_with_all_points(self, store: Backend, run: str) -> None:
        log_steps(store, run, {3: 0.5, 1: -1.0, 2: math.inf})
        (found,) = store.views.sample_series([run], ["loss"], 3)
        assert (found.name, found.key) == (run, "loss")
        assert points_of(found) == [(1.0, -1.0), (2.0, math.inf), (3.0, 0.5)]
        assert found.edges.tolist() == pytest.approx([1.0, 5 / 3, 7 / 3, 3.0])
        assert found.facts == SeriesFacts(3, 0, 1, -1.0, 0.5, -1.0, math.inf)

    def test_a_long_series_has_the_exact_extremes_of_each_bucket(self, store: Backend, run: str) -> None:
        log_steps(store, run, {0: 1.0, 1: 5.0, 2: math.nan, 3: -2.0, 8: math.inf, 9: 2.0, 10: math.nan, 11: 4.0})
        (found,) = store.views.sample_series([run], ["loss"], 2)
        assert found.edges.tolist() == [0.0, 5.5, 11.0]
        buckets = buckets_of(found)
        assert buckets.count.tolist() == [4, 4]
        assert buckets.minimum.tolist() == [-2.0, 2.0]
        assert buckets.maximum.tolist() == [5.0, math.inf]
        assert buckets.mean.tolist() == pytest.approx([4 / 3, 3.0])
        assert buckets.last is not None and buckets.last.tolist() == [-2.0, 4.0]
        assert buckets.deviation is None
        assert found.facts == SeriesFacts(8, 2, 1, 1.0, 4.0, -2.0, math.inf)

    def test_a_bucket_without_numbers_is_nan(self, store: Backend, run: str) -> None:
        log_steps(store, run, {0: 1.0, 1: 1.0, 2: 2.0, 8: math.nan, 20: math.inf})
        (found,) = store.views.sample_series([run], ["loss"], 4)
        buckets = buckets_of(found)
        assert found.edges.tolist() == [0.0, 5.0, 10.0, 15.0, 20.0]
        assert buckets.count.tolist() == [3, 1, 0, 1]
        for column in (buckets.minimum, buckets.maximum, buckets.mean, buckets.last):
            assert column is not None and [math.isnan(value) for value in column.tolist()[1:3]] == [True, True]
        assert (buckets.minimum.tolist()[3], math.isnan(buckets.mean.tolist()[3])) == (math.inf, True)

    def test_the_bounds_of_a_bucket_are_its_lower_one_and_for_the_last_bucket_both(
        self, store: Backend, run: str
    ) -> None:
        log_steps(store, run, {0: 0.0, 1: 1.0, 2: 2.0})
        (found,) = store.views.sample_series([run], ["loss"], 2)
        assert buckets_of(found).count.tolist() == [1, 2]

    def test_the_first_and_the_last_value_may_be_nan(self, store: Backend, run: str) -> None:
        log_steps(store, run, {0: math.nan, 1: 1.0, 2: 2.0, 3: math.nan})
        (found,) = store.views.sample_series([run], ["loss"], 2)
        last = buckets_of(found).last
        assert last is not None and last.tolist()[0] == 1.0 and math.isnan(last.tolist()[1])
        assert math.isnan(found.facts.first) and math.isnan(found.facts.last)

    def test_points_with_the_same_x_have_an_order(self, store: Backend, run: str) -> None:
        store.log_points(run, [Point("loss", value, 9 - value // 2, 5) for value in (2, 1, 3, 4)])
        (found,) = store.views.sample_series([run], ["loss"], 4)
        assert points_of(found) == [(5.0, 4.0), (5.0, 2.0), (5.0, 3.0), (5.0, 1.0)]
        (found,) = store.views.sample_series([run], ["loss"], 2)
        assert buckets_of(found).count.tolist() == [0, 4]
        assert (found.facts.first, found.facts.last) == (4.0, 1.0)

    def test_a_point_that_mlflow_logged_again_counts_once(self, store: Backend, run: str) -> None:
        for value, step in ((1.0, 0), (math.nan, 1), (2.0, 2), (2.0, 2), (1.0, 0), (math.nan, 1), (3.0, 2)):
            store.log(run, "loss", value, 1, step, MLFLOW)
        store.log(run, "loss", 3.0, 1, 2)
        (found,) = store.views.sample_series([run], ["loss"], 9)
        assert [value for _, value in points_of(found)] == [1.0, pytest.approx(math.nan, nan_ok=True), 2.0, 3.0, 3.0]
        (found,) = store.views.sample_series([run], ["loss"], 2)
        assert (buckets_of(found).count.tolist(), found.facts.points) == ([1, 4], 5)

    def test_series_of_one_key_share_their_edges(self, store: Backend) -> None:
        for run_id, first in (("a", 0), ("b", 5), ("c", 0)):
            create_run(store, RunRecord(run_id, "0"))
            log_steps(store, run_id, {first: 1.0, first + 5: 2.0}, "loss" if run_id != "c" else "acc")
        found = store.views.sample_series(["b", "x", "a", "c"], ["loss", "none", "acc"], 10)
        assert [(one.key, one.name) for one in found] == [("loss", "b"), ("loss", "a"), ("acc", "c")]
        assert [one.edges.tolist()[::10] for one in found] == [[0.0, 10.0], [0.0, 10.0], [0.0, 5.0]]

    def test_only_points_in_the_range_count(self, store: Backend, run: str) -> None:
        log_steps(store, run, {step: float(step) for step in range(10)})
        (found,) = store.views.sample_series([run], ["loss"], 4, low=2.5, high=6)
        assert points_of(found) == [(3.0, 3.0), (4.0, 4.0), (5.0, 5.0), (6.0, 6.0)]
        assert found.edges.tolist()[::4] == [2.5, 6.0]
        assert found.facts == SeriesFacts(4, 0, 0, 3.0, 6.0, 3.0, 6.0)
        (found,) = store.views.sample_series([run], ["loss"], 2, high=3)
        assert buckets_of(found).count.tolist() == [2, 2]
        assert store.views.sample_series([run], ["loss"], 2, low=9.5) == []
        assert store.views.sample_series([run], ["loss"], 2, low=3, high=2) == []

    def test_x_may_be_a_time(self, store: Backend) -> None:
        create_run(store, RunRecord("a", "0", start_time=5))
        create_run(store, RunRecord("b", "0"))
        for run_id in "ab":
            store.log_points(run_id, [Point("loss", 1.0, 30, 0), Point("loss", 2.0, 20, 1)])

        def points(x: str) -> list[list[tuple[float, float]]]:
            return [points_of(one) for one in store.views.sample_series(["a", "b"], ["loss"], 5, x)]

        assert points("time") == [[(20.0, 2.0), (30.0, 1.0)]] * 2
        assert points("relative") == [[(15.0, 2.0), (25.0, 1.0)], [(0.0, 2.0), (10.0, 1.0)]]

    def test_x_may_be_another_metric_at_the_same_step(self, store: Backend, run: str) -> None:
        log_steps(store, run, {0: 10.0, 1: 11.0, 2: 12.0, 3: 13.0, 4: 14.0})
        log_steps(store, run, {0: 5.0, 1: 9.0, 2: math.nan, 4: math.inf}, "epoch")
        log_steps(store, run, {1: 1.0}, "epoch")
        (found,) = store.views.sample_series([run], ["loss"], 5, "metric:epoch")
        assert points_of(found) == [(1.0, 11.0), (5.0, 10.0)]
        assert store.views.sample_series([run], ["loss"], 5, "metric:none") == []

    def test_a_table_column_is_sampled_under_its_full_name(self, store: Backend, run: str) -> None:
        for value in (1.0, 2.0):
            store.log_points(run, row("table", {"x": value, "y": "text"}, 1))
        store.log(run, "text", "a", 1)
        (found,) = store.views.sample_series([run], ["table.x", "table.y", "table", "text"], 5)
        assert points_of(found) == [(0.0, 1.0), (1.0, 2.0)]

    def test_a_group_has_the_spread_of_the_means_of_its_runs(self, store: Backend) -> None:
        for run_id, values in {"a": (1.0, 3.0, 5.0), "b": (4.0, 4.0, math.nan), "c": (7.0, 9.0, 1.0)}.items():
            create_run(store, RunRecord(run_id, "0"))
            log_steps(store, run_id, dict(enumerate(values)))
        found = store.views.sample_series("cxab", ["loss"], 2, groups={"a": "g", "b": "g", "c": "h", "d": "i"})
        assert [one.name for one in found] == ["h", "g"]
        buckets = buckets_of(found[1])
        assert buckets.count.tolist() == [2, 2]
        assert (buckets.minimum.tolist(), buckets.maximum.tolist()) == ([1.0, 4.0], [4.0, 4.0])
        assert buckets.mean.tolist() == [2.5, 4.0]
        assert buckets.deviation is not None and buckets.last is None
        assert buckets.deviation.tolist() == pytest.approx([math.sqrt(4.5), 0.0])
        assert found[1].facts[:3] == (6, 1, 0) and found[1].facts[5:] == (1.0, 5.0)
        assert math.isnan(found[1].facts.first) and math.isnan(found[1].facts.last)
        alone = buckets_of(found[0]).deviation
        assert alone is not None and math.isnan(alone.tolist()[0])

    def test_runs_without_a_group_do_not_change_the_edges(self, store: Backend) -> None:
        for run_id, step in (("a", 1), ("b", 99)):
            create_run(store, RunRecord(run_id, "0"))
            log_steps(store, run_id, {0: 1.0, step: 1.0})
        (found,) = store.views.sample_series(["a", "b"], ["loss"], 2, groups={"a": "g"})
        assert found.edges.tolist() == [0.0, 0.5, 1.0]

    @pytest.mark.parametrize(
        "arguments",
        [{"buckets": 0}, {"x": "epoch"}, {"x": "metric:"}, {"low": math.nan}, {"high": math.inf}],
        ids=str,
    )
    def test_a_sample_that_cannot_be_taken_is_refused(self, store: Backend, run: str, arguments: Any) -> None:
        with pytest.raises(InvalidValue):
            store.views.sample_series([run], ["loss"], **{"buckets": 2, **arguments})

    @pytest.mark.parametrize(("offset", "limit"), ((0, None), (0, 2), (2, 3), (4, 9), (9, 1), (1, 0)))
    def test_a_part_of_a_history_has_the_points_by_time_without_duplicates(
        self, store: Backend, run: str, offset: int, limit: int | None
    ) -> None:
        rows = [(7, 0, 1.0), (5, 9, 2.0), (5, 8, math.inf), (5, 9, -0.0), (5, 9, 2.0), (6, 1, math.nan)]
        for timestamp, step, value in rows:
            store.log(run, "a.b", value, timestamp, step)
        store.log_points(run, row("a", {"b": 3.0, "c": 4.0}, 6))
        store.log(run, "a.b", "text", 8)
        found = store.views.get_history(run, "a.b", offset, limit)
        expected = [(5, 8, BIG), (5, 9, 0.0), (5, 9, 2.0), (6, 0, 3.0), (6, 1, math.nan), (7, 0, 1.0)]
        part = slice(offset, None if limit is None else offset + limit)
        assert list(zip(found.timestamps.tolist(), found.steps.tolist(), strict=True)) == [
            one[:2] for one in expected[part]
        ]
        assert same_bits(found.values.tolist(), [value for *_, value in expected[part]])

    def test_the_history_of_an_absent_metric_is_empty(self, store: Backend, run: str) -> None:
        store.log(run, "loss", "text", 1)
        for run_id, key in ((run, "loss"), (run, "none"), ("none", "loss")):
            assert store.views.get_history(run_id, key).values.tolist() == []

    @pytest.mark.parametrize("part", ((-1, None), (0, -1)))
    def test_a_part_of_a_history_with_a_negative_bound_is_refused(
        self, store: Backend, run: str, part: tuple[int, int | None]
    ) -> None:
        with pytest.raises(InvalidValue):
            store.views.get_history(run, "loss", *part)

    def test_the_series_of_a_run_are_listed_without_their_points(self, store: Backend, run: str) -> None:
        log_steps(store, run, {3: 0.5, 1: -1.0, 2: math.inf, 0: math.nan})
        store.log_points(
            run,
            [
                Point("word", "b", 20, 2), Point("word", True, 10, 1), *row("table", {"x": 4.0}, 6, 0),
                Point("odd", math.nan, 7),
            ],
        )  # fmt: skip
        found = {one.key: astuple(one)[1:] for one in store.views.list_series(run)}
        assert list(found) == ["loss", "word", "table", "odd"]
        assert found["loss"] == ("", SCALAR, "number", 4, 0.5, 3, 30, -1.0, math.inf)
        assert found["word"][:7] == ("", SCALAR, "text", 2, "b", 2, 20)
        assert found["table"] == ("x", COLUMN, "number", 1, 4.0, 0, 6, 4.0, 4.0)
        assert all(math.isnan(value) for value in (found["odd"][4], *found["odd"][-2:]))
        assert store.views.list_series("none") == []

    def test_a_tail_has_the_points_after_a_position(self, store: Backend, run: str) -> None:
        log_steps(store, run, {0: 1.0, 1: 2.0})
        (before,) = store.views.get_tail({(run, "loss"): -1})[run, "loss"]
        assert repr(store.views.get_tail({(run, "loss"): -(2**63)})[run, "loss"]) == repr([before])
        assert store.views.get_tail({(run, "loss"): 2**63 - 1}) == {}
        last = int(before.positions[-1])
        assert before.numbers is not None and before.numbers.tolist() == [1.0, 2.0]
        assert store.views.get_tail({(run, "loss"): last}) == {}
        store.log(run, "loss", 3.0, 30, 2, MLFLOW)
        store.log(run, "loss", "text", 40, 3)
        store.log(run, "acc", 4.0, 40, 3)
        number, text = store.views.get_tail({(run, "loss"): last})[run, "loss"]
        assert (number.key, number.kind, number.value_type, number.all_ints) == ("loss", SCALAR, "number", False)
        assert number.numbers is not None and number.numbers.tolist() == [3.0]
        assert (number.steps.tolist(), number.timestamps.tolist(), number.apis.tolist()) == ([2], [30], [MLFLOW])
        assert text.texts == ["text"] and text.positions > number.positions

    def test_a_sampled_series_has_the_position_after_which_its_tail_begins(self, store: Backend, run: str) -> None:
        log_steps(store, run, {0: 1.0, 1: 2.0, 2: 3.0})
        store.log(run, "loss", "text", 1)
        store.log_points(run, row("table", {"loss": 1.0, "acc": 2.0}, 1))
        for buckets in (2, 9):
            loss, column = store.views.sample_series([run], ["loss", "table.acc"], buckets, high=1)
            assert (loss.position, column.position) == (2, 0)
        assert {one.position for one in store.views.sample_series([run], ["loss"], 9, groups={run: "all"})} == {-1}
        store.log(run, "loss", 4.0, 1)
        (tail,) = [one for one in store.views.get_tail({(run, "loss"): 2})[run, "loss"] if one.numbers is not None]
        assert (tail.positions.tolist(), store.views.sample_series([run], ["loss"], 9)[0].position) == ([4], 4)

    def test_the_tails_of_several_keys_are_in_the_requested_order(self, store: Backend) -> None:
        for run_id in "ab":
            create_run(store, RunRecord(run_id, "0"))
            store.log_points(run_id, row("table", {"x": 1.0, "y": "a"}, 1))
            store.log(run_id, "loss", 1.0, 1)
        wanted = {("b", "table"): -1, ("a", "loss"): -1, ("a", "table"): 0, ("x", "loss"): -1, ("a", "none"): -1}
        found = store.views.get_tail(wanted)
        assert list(found) == [("b", "table"), ("a", "loss")]
        assert [(one.column, one.value_type) for one in found["b", "table"]] == [("x", "number"), ("y", "text")]
