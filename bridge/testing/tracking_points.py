"""The conformance suite of points and series."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from bridge.errors import InvalidValue, shortened
from bridge.records.point_columns import PointColumns
from bridge.records.run import RunRecord
from bridge.records.series import BIG, MLFLOW, NATIVE, SCALAR, Latest, Point, SeriesRecord, Value, imprecise_warning
from bridge.store.history import mlflow_history, native_series
from bridge.store.one_run import create_run, get_run, get_series
from bridge.store.tracking import TrackingStore
from bridge.testing.columns import column_points
from bridge.testing.strategies import FLOATS, INTS, NAN_WITH_PAYLOAD, QUIET_NAN, TEXTS, bits_of


def only(store: TrackingStore, key: str, value_type: str = "number", run_id: str = "r1") -> SeriesRecord:
    """Return the only series with a key and a value type."""
    (record,) = [one for one in get_series(store, run_id, [key]) if one.value_type == value_type]
    return record


def numbers_of(record: SeriesRecord) -> list[float]:
    assert record.numbers is not None
    return [float(number) for number in record.numbers]


def native(store: TrackingStore, key: str, run_id: str = "r1") -> list[Any]:
    """Return the values of a key as the native API returns them."""
    return list(native_series(get_series(store, run_id, [key])).values.tolist())


def spelled_record(record: SeriesRecord) -> tuple[Any, ...]:
    """Return a series in a form that can be compared with `==`, with the bits of its numbers."""
    numbers = None if record.numbers is None else record.numbers.tobytes()
    arrays = (record.positions, record.steps, record.timestamps, record.apis)
    return record.key, record.kind, record.all_ints, numbers, record.texts, *(array.tolist() for array in arrays)


BAD_POINTS: tuple[tuple[Any, ...], ...] = (
    ("", 1.0, 1), ("a\nb", 1.0, 1), ("x" * 256, 1.0, 1), ("\ud800", 1.0, 1), (None, 1.0, 1), ([], 1.0, 1),
    ("k", [1.0], 1), ("k", {}, 1), ("k", b"x", 1), ("k", 1j, 1), ("k", object(), 1),
    ("k", 10**400, 1), ("k", -(10**400), 1), ("k", 10**5000, 1), ("k", "x" * 65_536, 1), ("k", "\ud800", 1),
    ("k", 1.0, 1.5), ("k", 1.0, None), ("k", 1.0, "1"), ("k", 1.0, 2**63), ("k", 1.0, -(2**63) - 1), ("k", 1.0, True),
    ("k", 1.0, float("nan")), ("k", 1.0, float("inf")), ("k", 1.0, 1, float("nan")),
    ("k", 1.0, 1, 1.5), ("k", 1.0, 1, "1"), ("k", 1.0, 1, 2**63), ("k", 1.0, 1, True),
)  # fmt: skip
"""Fields of points. Each point has a mistake, so a store must refuse it."""


class PointPromises:
    """The tests of points, which `TrackingStoreTests` inherits. Each test checks one promise of the interface."""

    def test_a_run_without_points_has_no_series(self, store: TrackingStore, run: str) -> None:
        assert get_series(store, run) == []
        assert get_series(store, run, ["loss"]) == []
        assert get_series(store, run, []) == []

    def test_a_series_is_whole_and_of_the_types_it_promises(self, store: TrackingStore, run: str) -> None:
        store.log_points(run, [Point("loss", 0.5, 7, 3), Point("loss", 0.25, 8, None)], MLFLOW)
        record = only(store, "loss")
        assert (record.key, record.column, record.kind, record.value_type) == ("loss", "", SCALAR, "number")
        assert (record.all_ints, record.texts) == (False, None)
        arrays = (record.positions, record.steps, record.timestamps, record.apis, record.numbers)
        assert [str(array.dtype) for array in arrays if array is not None] == ["int64"] * 3 + ["uint8", "float64"]
        assert record.steps.tolist() == [3, 0]
        assert record.timestamps.tolist() == [7, 8]
        assert record.apis.tolist() == [MLFLOW, MLFLOW]
        assert numbers_of(record) == [0.5, 0.25]

    def test_every_reader_sees_a_point_after_its_log_call(
        self, store: TrackingStore, other: TrackingStore, run: str
    ) -> None:
        for step in range(5):
            store.log(run, "loss", float(step), 10, step)
            assert get_run(other, run).latest["loss"] == Latest(float(step), 10, step)
            assert numbers_of(only(other, "loss")) == [float(s) for s in range(step + 1)]

    def test_points_logged_through_two_store_objects_form_one_series(
        self, store: TrackingStore, other: TrackingStore, run: str
    ) -> None:
        for step in range(3):
            store.log(run, "loss", float(step), 10)
            other.log(run, "loss", -float(step), 10)
            assert get_run(store, run) == get_run(other, run)
        assert sorted(numbers_of(only(store, "loss"))) == [-2.0, -1.0, 0.0, 0.0, 1.0, 2.0]
        assert sorted(only(store, "loss").steps.tolist()) == [0, 1, 2, 3, 4, 5]

    @pytest.mark.parametrize("value", FLOATS, ids=lambda value: f"{bits_of(value):016x}")
    def test_floats_keep_their_bits(self, store: TrackingStore, run: str, value: float) -> None:
        store.log(run, "one", value, 1, 1)
        store.log_points(run, [Point("more", 1.5, 1, 0), Point("more", value, 1, 1)])
        assert bits_of(numbers_of(only(store, "one"))[0]) == bits_of(value)
        assert bits_of(numbers_of(only(store, "more"))[1]) == bits_of(value)
        assert bits_of(get_run(store, run).latest["one"].value) == bits_of(value)
        assert bits_of(get_run(store, run).latest["more"].value) == bits_of(value)

    @pytest.mark.parametrize("value", INTS)
    def test_ints_come_back_as_the_nearest_float64_as_int(self, store: TrackingStore, run: str, value: int) -> None:
        store.log(run, "one", value, 1)
        assert only(store, "one").all_ints
        assert numbers_of(only(store, "one")) == [float(value)]
        (got,) = native(store, "one")
        assert (type(got), got) == (int, int(float(value)))

    def test_columns_of_points_are_stored_as_single_points_are(
        self, store: TrackingStore, run: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The steps, timestamps and values have every form that a column can have."""
        batches = [
            [Point("a", value, 5, None) for value in (*FLOATS, *INTS)],
            [Point(key, 1, time, step) for time, step in ((1, -(2**63)), (2**63 - 1, 2)) for key in "ab"],
            [Point(key, 0.5, 7, 3) for key in "abc"],
            [Point("b", 2**53 + 1, 1, None)],
        ]
        create_run(store, RunRecord("singly", "0"))
        for points in batches:
            store.log_points(run, column_points(points), MLFLOW)
            for point in points:
                store.log("singly", *point[:4], MLFLOW)
        found, expected = (get_series(store, run_id) for run_id in (run, "singly"))
        assert [spelled_record(record) for record in found] == [spelled_record(record) for record in expected]
        assert get_run(store, run).warnings == get_run(store, "singly").warnings
        assert len(get_run(store, run).warnings) == 2

    @pytest.mark.parametrize(
        "columns",
        [
            PointColumns(("good", ""), bytes(16), 1),
            PointColumns(("good", 7), bytes(16), 1),  # type: ignore[arg-type]  # a wrong type
            PointColumns(("good",), bytes(16), 2**63),
            PointColumns(("good",), bytes(16), True),
            PointColumns(("good", "too"), bytes(16), 1, 1.5),  # type: ignore[arg-type]  # a wrong type
            PointColumns(("good", "too"), bytes(16), 1, 2**63),
        ],
    )
    def test_columns_with_a_mistake_store_nothing(self, store: TrackingStore, run: str, columns: PointColumns) -> None:
        store.log_points(run, PointColumns(columns.keys[:1], bytes(16), 1))
        for _ in range(2):
            with pytest.raises(InvalidValue):
                store.log_points(run, columns)
        assert [len(record.positions) for record in get_series(store, run)] == [2]

    @pytest.mark.parametrize("value", TEXTS)
    def test_texts_bools_and_none_come_back_equal_and_of_equal_type(
        self, store: TrackingStore, run: str, value: str | bool | None
    ) -> None:
        store.log(run, "one", value, 1)
        record = only(store, "one", "text")
        assert (record.texts, record.numbers, record.all_ints) == ([value], None, False)
        (got,) = native(store, "one")
        assert (type(got), got) == (type(value), value)
        assert get_run(store, run).latest == {}
        assert get_run(store, run).latest_texts == {"one": value}

    def test_ints_are_floats_once_a_float_joined(self, store: TrackingStore, run: str) -> None:
        store.log(run, "one", 1, 1)
        assert only(store, "one").all_ints
        store.log(run, "one", 2.0, 1)
        assert not only(store, "one").all_ints
        store.log(run, "one", 3, 1)
        assert not only(store, "one").all_ints
        assert [(type(value), value) for value in native(store, "one")] == [(float, 1.0), (float, 2.0), (float, 3.0)]

    def test_numbers_of_libraries_come_back_as_pythons(self, store: TrackingStore, run: str) -> None:
        import numpy

        given: list[Any] = [numpy.float32(0.5), numpy.float64(2), numpy.array(3.0), numpy.array([4.0])]
        for value in given:
            store.log(run, "floats", value, 1)
        for value in (numpy.int8(3), numpy.uint64(4), numpy.array(5)):
            store.log(run, "ints", value, numpy.int64(1), numpy.int32(2))  # type: ignore[arg-type]  # as users do
        boolean: Any = numpy.bool_(True)
        store.log(run, "bools", boolean, 1)
        store.log(run, "texts", numpy.str_("a"), 1)
        assert native(store, "floats") == [0.5, 2.0, 3.0, 4.0]
        assert [(type(value), value) for value in native(store, "ints")] == [(int, 3), (int, 4), (int, 5)]
        assert native(store, "bools") == [True]
        assert [(type(value), value) for value in native(store, "texts")] == [(str, "a")]

    def test_mixed_values_of_a_key_are_one_series_in_log_order(self, store: TrackingStore, run: str) -> None:
        logged: list[Value] = [1, "Red", 2, None, True, 3]
        for value in logged:
            store.log(run, "mixed", value, 1)
        got = native(store, "mixed")
        assert [(type(value), value) for value in got] == [(type(value), value) for value in logged]
        store.log(run, "mixed", 0.5, 1)
        assert [type(value) for value in native(store, "mixed")] == [float, str, float, type(None), bool, float, float]
        assert native_series(get_series(store, run, ["mixed"])).steps.tolist() == list(range(7))

    def test_positions_follow_the_log_order_over_all_value_types(self, store: TrackingStore, run: str) -> None:
        for value in (1.0, "a", 2.0, "b"):
            store.log(run, "key", value, 1)
        number, text = only(store, "key"), only(store, "key", "text")
        order = sorted([*number.positions.tolist(), *text.positions.tolist()])
        assert [order.index(position) for position in number.positions.tolist()] == [0, 2]
        assert [order.index(position) for position in text.positions.tolist()] == [1, 3]

    def test_a_point_without_a_step_counts_such_points_before_it(self, store: TrackingStore, run: str) -> None:
        for step in (None, 7, None, -1, None):
            store.log(run, "loss", 1.0, 1, step)
        store.log(run, "other", 1.0, 1)
        store.log_points(run, [Point("loss", 2, 1), Point("other", 2, 1), Point("loss", "x", 1), Point("loss", 3, 1)])
        assert only(store, "loss").steps.tolist() == [0, 7, 1, -1, 2, 3, 5]
        assert only(store, "loss", "text").steps.tolist() == [4]
        assert only(store, "other").steps.tolist() == [0, 1]

    @pytest.mark.parametrize("number", [-(2**63), -1, 0, 1, 2**63 - 1])
    def test_steps_and_timestamps_of_64_bits_are_kept(self, store: TrackingStore, run: str, number: int) -> None:
        store.log(run, "loss", 1.0, number, number)
        assert only(store, "loss").steps.tolist() == only(store, "loss").timestamps.tolist() == [number]
        assert get_run(store, run).latest["loss"] == Latest(1.0, number, number)

    @pytest.mark.parametrize(
        "fields", BAD_POINTS, ids=lambda fields: ", ".join(ascii(shortened(field, 20)) for field in fields)
    )
    def test_a_call_with_a_point_that_cannot_be_stored_stores_nothing(
        self, store: TrackingStore, run: str, fields: tuple[Any, ...]
    ) -> None:
        point = Point(*fields)
        for _ in range(2):
            with pytest.raises(InvalidValue):
                store.log_points(run, [Point("good", 1.0, 1), point, Point("good", 2.0, 1)])
            with pytest.raises(InvalidValue):
                store.log(run, point.key, point.value, point.timestamp, point.step)
            # The second round checks that the store also refuses the point after it has stored the key "k".
            store.log(run, "k", 1.0, 1)
        assert [record.key for record in get_series(store, run)] == ["k"]

    def test_every_mistake_of_a_batch_is_named(self, store: TrackingStore, run: str) -> None:
        bad = [Point(*fields) for fields in BAD_POINTS[:3]] + [Point("c", 1.0, 1)]
        with pytest.raises(InvalidValue) as caught:
            store.log_points(run, bad)
        assert len(caught.value.problems) == 3

    @pytest.mark.parametrize("key", ["a", "x" * 255, "a b/c.d:e", "Größe 🎈", "'; --", "%_", " "])
    def test_an_unusual_key_is_kept(self, store: TrackingStore, run: str, key: str) -> None:
        store.log(run, key, 1.0, 1)
        assert [record.key for record in get_series(store, run)] == [key]
        assert list(get_run(store, run).latest) == [key]

    def test_a_long_text_is_kept(self, store: TrackingStore, run: str) -> None:
        store.log(run, "text", "ü" * 65_535, 1)
        assert native(store, "text") == ["ü" * 65_535]

    def test_series_come_in_the_order_in_which_they_were_first_logged(self, store: TrackingStore, run: str) -> None:
        store.log_points(run, [Point("b", 1.0, 1), Point("a", "x", 1), Point("b", "y", 1)])
        store.log_points(run, [Point("c", 1.0, 1), Point("a", 1.0, 1), Point("b", 2.0, 1)])
        names = [(record.key, record.value_type) for record in get_series(store, run)]
        assert names == [("b", "number"), ("a", "text"), ("b", "text"), ("c", "number"), ("a", "number")]
        assert list(get_run(store, run).latest) == ["b", "c", "a"]
        assert list(get_run(store, run).latest_texts) == ["a", "b"]

    def test_only_the_keys_asked_for_are_read(self, store: TrackingStore, run: str) -> None:
        store.log_points(run, [Point(key, 1.0, 1) for key in "abc"])
        assert [record.key for record in get_series(store, run, ["c", "no", "a"])] == ["a", "c"]

    def test_runs_do_not_share_series(self, store: TrackingStore, run: str) -> None:
        create_run(store, RunRecord("r2", "0"))
        store.log(run, "loss", 1.0, 1)
        store.log("r2", "loss", 2.0, 1)
        assert numbers_of(only(store, "loss")) == [1.0]
        assert numbers_of(only(store, "loss", run_id="r2")) == [2.0]
        assert only(store, "loss", run_id="r2").steps.tolist() == [0]

    def test_native_points_that_are_logged_twice_are_stored_twice(self, store: TrackingStore, run: str) -> None:
        for _ in range(3):
            store.log_points(run, [Point("loss", 1.0, 1, 1), Point("loss", 1.0, 1, 1)])
        assert native(store, "loss") == [1.0] * 6

    def test_a_point_that_mlflow_repeats_counts_once(self, store: TrackingStore, run: str) -> None:
        for value in (0.0, -0.0, QUIET_NAN, NAN_WITH_PAYLOAD, float("inf"), BIG, 1.0, 0.0, 1.0):
            store.log(run, "loss", value, 1, 1, MLFLOW)
        got = native_series(get_series(store, run, ["loss"])).values
        assert [bits_of(value) for value in got.tolist()] == [
            bits_of(value) for value in (0.0, QUIET_NAN, float("inf"), 1.0)
        ]
        assert mlflow_history(get_series(store, run, ["loss"])).values.tolist()[::2] == [0.0, 1.0]

    def test_a_native_point_is_kept_beside_an_equal_one_of_mlflow(self, store: TrackingStore, run: str) -> None:
        store.log(run, "loss", 1.0, 1, 1, MLFLOW)
        store.log(run, "loss", 1.0, 1, 1, NATIVE)
        store.log(run, "loss", 1.0, 1, 1, MLFLOW)
        assert native(store, "loss") == [1.0, 1.0]
        assert mlflow_history(get_series(store, run, ["loss"])).values.tolist() == [1.0]

    @pytest.mark.parametrize(
        "points, latest",
        [
            ([(1.0, 1, 1), (2.0, 1, 1), (1.5, 1, 1)], 1),
            ([(9.0, 9, 1), (2.0, 1, 2), (5.0, 8, 1)], 1),
            ([(9.0, 1, 1), (2.0, 2, 1), (5.0, 1, 1)], 1),
            ([(-1.0, 1, 1), (QUIET_NAN, 1, 1), (-2.0, 1, 1)], 1),
            ([(QUIET_NAN, 1, 1), (0.0, 1, 1)], 0),
            ([(0.0, 1, 1), (QUIET_NAN, 1, 1)], 0),
            ([(-0.0, 1, 1), (0.0, 1, 1)], 0),
            ([(QUIET_NAN, 1, 1), (1.0, 1, 1)], 1),
            ([(float("inf"), 1, 1), (BIG, 1, 1)], 0),
            ([(BIG, 1, 1), (float("inf"), 1, 1)], 0),
            ([(float("-inf"), 1, 1), (-BIG, 1, 1)], 0),
            ([(float("-inf"), 1, 1), (QUIET_NAN, 1, 1), (float("inf"), 1, 1)], 2),
            ([(1.0, 0, -(2**63)), (0.0, 0, 2**63 - 1), (2.0, 0, 0)], 1),
        ],
    )
    def test_the_latest_point_is_the_greatest_by_step_timestamp_and_value(
        self, store: TrackingStore, run: str, points: list[tuple[float, int, int]], latest: int
    ) -> None:
        for value, timestamp, step in points:
            store.log(run, "singly", value, timestamp, step)
            assert "singly" in get_run(store, run).latest
        store.log_points(run, [Point("at once", *point) for point in points])
        for key in ("singly", "at once"):
            got = get_run(store, run).latest[key]
            assert (bits_of(got.value), *got[1:]) == (bits_of(points[latest][0]), *points[latest][1:])

    def test_the_latest_text_is_the_last_of_the_greatest_step_and_timestamp(
        self, store: TrackingStore, run: str
    ) -> None:
        for value, timestamp, step in (("z", 1, 1), ("a", 1, 1), ("old", 0, 1), ("older", 9, 0)):
            store.log(run, "singly", value, timestamp, step)
        store.log_points(run, [Point("at once", v, t, s) for v, t, s in (("z", 1, 1), ("a", 1, 1), ("old", 0, 1))])
        assert get_run(store, run).latest_texts == {"singly": "a", "at once": "a"}

    def test_an_imprecise_int_adds_one_warning_for_each_key(self, store: TrackingStore, run: str) -> None:
        store.log_points(run, [Point("exact", 2**53, 1), Point("exact", -(2**53), 1), Point("float", 1e300, 1)])
        assert get_run(store, run).warnings == ()
        for _ in range(2):
            store.log_points(run, [Point("big", 2**53 + 1, 1), Point("big", 2**60, 1)])
        assert get_run(store, run).warnings == (imprecise_warning("big"),)
        store.log(run, "low", -(2**53) - 1, 1)
        assert get_run(store, run).warnings == (imprecise_warning("big"), imprecise_warning("low"))

    def test_logging_no_points_changes_nothing(self, store: TrackingStore, run: str) -> None:
        before = get_run(store, run)
        store.log_points(run, [])
        assert get_run(store, run) == before

    def test_a_call_with_many_points_stores_all(self, store: TrackingStore, run: str) -> None:
        points = [Point("abc"[at % 3], float(at), at, None if at % 2 else at) for at in range(3_000)]
        store.log_points(run, points)
        for place, key in enumerate("abc"):
            assert numbers_of(only(store, key)) == [float(at) for at in range(place, 3_000, 3)]

    def test_threads_log_at_once_and_each_keeps_its_order(self, store: TrackingStore, run: str) -> None:
        def log(thread: int) -> None:
            for at in range(50):
                store.log(run, "loss", float(thread * 1_000 + at), 1)

        threads = [threading.Thread(target=log, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        record = only(store, "loss")
        assert record.steps.tolist() == list(range(200))
        values = native(store, "loss")
        for number in range(4):
            own = [value for value in values if value // 1_000 == number]
            assert own == [float(number * 1_000 + at) for at in range(50)]

    def test_a_close_loses_nothing_and_may_be_repeated(self, store: TrackingStore, run: str) -> None:
        store.log(run, "loss", 1.0, 1)
        for _ in range(2):
            store.close()
        store.log(run, "loss", 2.0, 1)
        store.close()
        assert native(store, "loss") == [1.0, 2.0]
