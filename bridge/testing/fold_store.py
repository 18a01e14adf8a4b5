"""The conformance suite of a store into which journals are folded.

A fold copies new points from journals into the store. It passes them as slices, and each slice (a part of a journal) is
stored once, and in order.
"""

from __future__ import annotations

import random

import pytest

from bridge.errors import InvalidState
from bridge.records.series import COLUMN, IMAGE, MLFLOW, Latest
from bridge.store.backend import Backend
from bridge.store.history import native_series
from bridge.store.one_run import get_run, get_series
from bridge.testing.fixtures import BackendFixtures
from bridge.testing.slices import Entry, make_slice
from bridge.testing.tracking_points import native, numbers_of, only


class FoldStoreTests(BackendFixtures):
    """The tests of a store into which journals are folded. Each test checks one promise of the interface."""

    def test_an_appended_slice_is_read_and_its_end_is_the_receipt(
        self, store: Backend, other: Backend, run: str
    ) -> None:
        entries = [Entry(run, "loss", 0.5, 3, 7, 1, MLFLOW), Entry(run, "loss", "x", None, 8, 2), Entry(run, "n", 4)]
        assert store.append([make_slice("j1", 0, 100, entries)]) == {"j1": 100}
        assert other.get_receipts(["j1", "no"]) == {"j1": 100}
        assert numbers_of(only(other, "loss")) == [0.5]
        assert only(other, "loss").apis.tolist() == [MLFLOW]
        assert (only(other, "loss").steps.tolist(), only(other, "loss").timestamps.tolist()) == ([3], [7])
        assert only(other, "loss", "text").texts == ["x"]
        assert only(other, "n").all_ints
        assert get_run(other, run).latest == {"loss": Latest(0.5, 7, 3), "n": Latest(4.0, 0, 0)}

    def test_a_journal_has_no_receipt_before_its_first_slice(self, store: Backend) -> None:
        assert store.get_receipts([]) == {}
        assert store.get_receipts(["j1"]) == {}
        assert store.append([]) == {}

    def test_a_slice_that_is_stored_already_is_ignored(self, store: Backend, run: str) -> None:
        first = make_slice("j1", 0, 100, [Entry(run, "loss", 1.0)])
        second = make_slice("j1", 100, 200, [Entry(run, "loss", 2.0)])
        store.append([first])
        assert store.append([first]) == {"j1": 100}
        assert store.append([first, second]) == {"j1": 200}
        assert store.append([second, first, second]) == {"j1": 200}
        assert native(store, "loss") == [1.0, 2.0]

    def test_a_slice_may_hold_no_points(self, store: Backend, run: str) -> None:
        assert store.append([make_slice("j1", 0, 72, [])]) == {"j1": 72}
        assert store.append([make_slice("j1", 72, 100, [Entry(run, "loss", 1.0)])]) == {"j1": 100}
        assert native(store, "loss") == [1.0]

    @pytest.mark.parametrize("start, end", [(0, 101), (50, 150), (101, 200)])
    def test_a_gap_or_an_overlap_refuses_the_whole_call(self, store: Backend, run: str, start: int, end: int) -> None:
        store.append([make_slice("j1", 0, 100, [Entry(run, "loss", 1.0)])])
        before = get_run(store, run)
        wrong = make_slice("j1", start, end, [Entry(run, "loss", 2.0)])
        for slices in ([wrong], [make_slice("j2", 0, 10, [Entry(run, "a", 1.0)], ((run, "w"),)), wrong]):
            with pytest.raises(InvalidState):
                store.append(slices)
        assert store.get_receipts(["j1", "j2"]) == {"j1": 100}
        assert get_run(store, run) == before
        assert native(store, "loss") == [1.0]

    def test_a_new_journal_must_be_sent_from_its_start(self, store: Backend, run: str) -> None:
        with pytest.raises(InvalidState):
            store.append([make_slice("j1", 10, 20, [Entry(run, "loss", 1.0)])])
        assert get_series(store, run) == []

    def test_slices_of_one_journal_may_come_in_one_call(self, store: Backend, run: str) -> None:
        pieces = [make_slice("j1", at, at + 1, [Entry(run, "loss", float(at), time=at)]) for at in range(5)]
        assert store.append(pieces) == {"j1": 5}
        assert native(store, "loss") == [0.0, 1.0, 2.0, 3.0, 4.0]

    def test_points_of_several_journals_are_ordered_by_their_times(self, store: Backend, run: str) -> None:
        one = [Entry(run, "loss", value, time=time) for value, time in ((1.0, 10), ("x", 30), (5.0, 50))]
        two = [Entry(run, "loss", value, time=time) for value, time in ((2.0, 20), (4.0, 40))]
        store.append([make_slice("j1", 0, 1, one), make_slice("j2", 0, 1, two)])
        assert native(store, "loss") == [1.0, 2.0, "x", 4.0, 5.0]
        assert native_series(get_series(store, run, ["loss"])).steps.tolist() == [0, 1, 2, 3, 4]

    def test_points_of_a_later_append_come_later_with_any_times(self, store: Backend, run: str) -> None:
        store.append([make_slice("j1", 0, 1, [Entry(run, "loss", 1.0, time=100)])])
        store.append([make_slice("j2", 0, 1, [Entry(run, "loss", 2.0, time=1)])])
        assert native(store, "loss") == [1.0, 2.0]
        assert only(store, "loss").steps.tolist() == [0, 1]

    def test_points_of_a_slice_keep_their_order_even_if_their_times_go_backwards(
        self, store: Backend, run: str
    ) -> None:
        one = [Entry(run, "loss", value, time=time) for value, time in ((1.0, 100), (2.0, 5), (3.0, 7))]
        two = [Entry(run, "loss", value, time=time) for value, time in ((-1.0, 50), (-2.0, 200))]
        store.append([make_slice("j1", 0, 1, one), make_slice("j2", 0, 1, two)])
        assert native(store, "loss") == [-1.0, 1.0, 2.0, 3.0, -2.0]

    def test_times_may_be_negative(self, store: Backend, run: str) -> None:
        one = [Entry(run, "loss", 2.0, time=-5), Entry(run, "loss", 4.0, time=5)]
        two = [Entry(run, "loss", 1.0, time=-9), Entry(run, "loss", 3.0, time=-2)]
        store.append([make_slice("j1", 0, 1, one), make_slice("j2", 0, 1, two)])
        assert native(store, "loss") == [1.0, 2.0, 3.0, 4.0]

    def test_series_come_in_log_order_over_all_journals(self, store: Backend, run: str) -> None:
        one = [Entry(run, "late", 1.0, time=30), Entry(run, "last", 1.0, time=40)]
        two = [Entry(run, "first", 1.0, time=10), Entry(run, "late", 1.0, time=20), Entry(run, "first", "x", time=35)]
        store.append([make_slice("j1", 0, 1, one), make_slice("j2", 0, 1, two)])
        names = [(record.key, record.value_type) for record in get_series(store, run)]
        assert names == [("first", "number"), ("late", "number"), ("first", "text"), ("last", "number")]
        assert list(get_run(store, run).latest) == ["first", "late", "last"]

    def test_texts_of_several_slices_are_not_mixed_up(self, store: Backend, run: str) -> None:
        pieces = []
        for number in range(3):
            texts = [Entry(run, "t", f"{number}-{at}", time=number * 10 + at) for at in range(3)]
            pieces.append(make_slice(f"j{number}", 0, 1, [Entry(run, "n", -0.0, time=number * 10), *texts]))
        store.append(pieces)
        assert only(store, "t", "text").texts == [f"{number}-{at}" for number in range(3) for at in range(3)]
        assert [str(value) for value in numbers_of(only(store, "n"))] == ["-0.0"] * 3

    def test_appended_and_logged_points_form_one_series(self, store: Backend, run: str) -> None:
        store.log(run, "loss", 1.0, 1)
        assert native(store, "loss") == [1.0]
        store.append([make_slice("j1", 0, 1, [Entry(run, "loss", 2.0)])])
        store.log(run, "loss", 3.0, 1)
        assert native(store, "loss") == [1.0, 2.0, 3.0]
        assert only(store, "loss").steps.tolist() == [0, 1, 2]

    def test_of_equal_latest_points_the_first_stays_over_several_appends(self, store: Backend, run: str) -> None:
        store.append([make_slice("j1", 0, 1, [Entry(run, "loss", float("nan"), 1, 1)])])
        store.append([make_slice("j1", 1, 2, [Entry(run, "loss", 0.0, 1, 1)])])
        assert str(get_run(store, run).latest["loss"].value) == "nan"
        store.append([make_slice("j1", 2, 3, [Entry(run, "loss", 0.5, 1, 1), Entry(run, "loss", 9.0, 0, 9)])])
        assert get_run(store, run).latest["loss"] == Latest(0.5, 1, 1)

    def test_points_of_an_unknown_run_are_dropped_and_the_others_stored(
        self, store: Backend, run: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        entries = [
            Entry("no", "loss", 1.0), Entry(run, "loss", 2.0), Entry("no", "text", "x"), Entry(run, "text", "y"),
        ]  # fmt: skip
        assert store.append([make_slice("j1", 0, 9, entries, (("no", "w"),))]) == {"j1": 9}
        assert "2 points" in caplog.text
        assert native(store, "loss") == [2.0]
        assert native(store, "text") == ["y"]
        assert only(store, "loss").steps.tolist() == [0]
        assert store.get_receipts(["j1"]) == {"j1": 9}

    def test_a_slice_of_unknown_runs_only_is_stored_as_done(self, store: Backend) -> None:
        assert store.append([make_slice("j1", 0, 9, [Entry("no", "loss", 1.0)])]) == {"j1": 9}
        assert store.get_receipts(["j1"]) == {"j1": 9}

    def test_slices_are_stored_in_a_deleted_run_too(self, store: Backend, run: str) -> None:
        store.delete_runs((run,), 5)
        store.append([make_slice("j1", 0, 9, [Entry(run, "loss", 1.0)])])
        store.restore_runs((run,))
        assert native(store, "loss") == [1.0]

    def test_columns_of_a_table_are_series_of_their_own_and_share_positions(self, store: Backend, run: str) -> None:
        entries = [
            Entry(run, "t", 1, column="x", kind=COLUMN), Entry(run, "t", "a", column="y", kind=COLUMN),
            Entry(run, "t", 0.5), Entry(run, "t", 2, column="x", kind=COLUMN), Entry(run, "t", "p.png", kind=IMAGE),
        ]  # fmt: skip
        store.append([make_slice("j1", 0, 9, entries)])
        records = get_series(store, run, ["t"])
        assert [(r.column, r.kind, r.value_type) for r in records] == [
            ("x", COLUMN, "number"), ("y", COLUMN, "text"), ("", 0, "number"), ("", IMAGE, "text"),
        ]  # fmt: skip
        assert sorted(position for r in records for position in r.positions.tolist()) == sorted(
            {position for r in records for position in r.positions.tolist()}
        )
        assert list(get_run(store, run).latest) == ["t"]
        assert get_run(store, run).latest_texts == {}
        assert native(store, "t") == [0.5]

    def test_warnings_of_a_slice_are_kept_on_the_run_once(self, store: Backend, run: str) -> None:
        store.append([make_slice("j1", 0, 9, [], ((run, "torn"), (run, "torn"), (run, "bent")))])
        store.append([make_slice("j1", 9, 18, [Entry(run, "a", 1.0)], ((run, "bent"),))])
        assert get_run(store, run).warnings == ("torn", "bent")

    @pytest.mark.parametrize("seed", range(5))
    def test_however_journals_are_cut_their_points_are_the_same(self, store: Backend, run: str, seed: int) -> None:
        draw = random.Random(seed)
        journals = {name: [f"{name}{at}" for at in range(20)] for name in ("j1", "j2", "j3")}
        ends = dict.fromkeys(journals, 0)
        while any(ends[name] < 20 for name in journals):
            pieces = []
            for name, texts in journals.items():
                end = min(20, ends[name] + draw.randrange(6))
                entries = [Entry(run, "loss", text, time=draw.randrange(3)) for text in texts[ends[name] : end]]
                pieces.append(make_slice(name, ends[name], end, entries))
                ends[name] = end
            store.append(pieces)
            if draw.random() < 0.5:
                store.append(pieces)
        got = native(store, "loss")
        assert len(got) == 60
        for name, texts in journals.items():
            assert [text for text in got if text.startswith(name)] == texts
        assert only(store, "loss", "text").steps.tolist() == list(range(60))
