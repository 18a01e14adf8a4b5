"""Calls and results are the same after they were sent over HTTP, with all bits of their numbers."""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import InvalidValue
from bridge.records.experiment import ExperimentRecord
from bridge.records.page import Page
from bridge.records.point_columns import IS_INT, PointColumns
from bridge.records.run import Dataset, DatasetInput, Lease, ModelOutput, RunRecord
from bridge.records.search import Comparison, Ordering, RunQuery
from bridge.records.series import Latest, Point, Series, SeriesRecord
from bridge.records.views import Column, Numbers, RunColumns, Texts
from bridge.store.backend import Backend
from bridge.store.http.codec import FRAME_TYPE, JSON_TYPE, dump_call, dump_result, load_call, load_result
from bridge.store.http.methods import METHODS
from bridge.store.slices import LeaseRecord
from bridge.store.views import RunViews
from bridge.testing.slices import Entry, make_slice

NAN = struct.unpack("<d", struct.pack("<Q", 0xFFF8DEADBEEF0001))[0]
FLOATS = st.sampled_from([0.0, -0.0, 1.5, 5e-324, 1e308, math.inf, -math.inf, math.nan, NAN, 2.0**53])
INTEGERS = st.sampled_from([0, 1, -1, 2**63 - 1, -(2**63), 2**64, -(10**400), 10**5_000])
TEXTS = st.sampled_from(["", "a", "é", "𝄞", "\ud800", "a\0b", "\u2028", '"', "null"])


def bits(value: float) -> bytes:
    return struct.pack("<d", value)


def sent_call(function: Any, **arguments: Any) -> dict[str, Any]:
    body = dump_call(function, arguments)
    return load_call(function, body.media_type, bytes(body.content))


def sent_result(function: Any, value: Any) -> Any:
    body = dump_result(function, value)
    return load_result(function, body.media_type, bytes(body.content))


@given(st.lists(st.tuples(TEXTS, st.one_of(FLOATS, INTEGERS, TEXTS, st.booleans(), st.none()))))
def test_points_of_any_value_are_sent(values: list[tuple[str, Any]]) -> None:
    points = [Point(key, value, 5, step) for step, (key, value) in enumerate(values)]
    read = sent_call(Backend.log_points, run_id="r", points=points)["points"]
    assert [point._replace(value=None) for point in read] == [point._replace(value=None) for point in points]
    for old, new in zip(points, read, strict=True):
        assert type(old.value) is type(new.value)
        if isinstance(old.value, float) and isinstance(new.value, float):
            assert bits(old.value) == bits(new.value)
        else:
            assert old.value == new.value


@pytest.mark.parametrize("count", [1, 2, 1_000])
@pytest.mark.parametrize("of_each", [False, True])
def test_columns_of_points_stay_columns(count: int, of_each: bool) -> None:
    values = numpy.array([NAN, -0.0] * count, "<f8")
    each = numpy.arange(2 * count, dtype="<i8")
    flags = numpy.full(2 * count, IS_INT, "u1")
    keys = tuple(f"k{number % 7}" for number in range(2 * count)) if of_each else ("loss",)
    points = PointColumns(
        keys, values.tobytes(), each.tobytes() if of_each else 5, each.tobytes(), flags.tobytes() if of_each else 0
    )
    body = dump_call(Backend.log_points, {"run_id": "r", "points": points})
    assert body.media_type == FRAME_TYPE
    read = load_call(Backend.log_points, body.media_type, bytes(body.content))["points"]
    assert type(read) is PointColumns
    for name in PointColumns.__slots__:
        old, new = getattr(points, name), getattr(read, name)
        assert (bytes(new) if isinstance(new, memoryview) else new) == old, name


def test_a_slice_of_a_journal_is_sent() -> None:
    entries = [Entry("r", "loss", 0.5), Entry("r", "n", 4, 7), Entry("r2", "t", "x"), Entry("r2", "t", None)]
    piece = make_slice("j", 3, 9, entries, (("r", "a warning"),))
    (read,) = sent_call(Backend.append, slices=[piece])["slices"]
    for name in ("journal_id", "start", "end", "definitions", "warnings", "leases", "boot_time", "workspace_id"):
        assert getattr(read, name) == getattr(piece, name), name
    assert list(read.texts) == list(piece.texts)
    for name in ("series", "times", "timestamps", "steps", "has_step", "values", "ints", "apis", "joined"):
        old, new = getattr(piece, name), getattr(read, name)
        assert (old.dtype, old.tobytes()) == (new.dtype, new.tobytes()), name


def test_a_run_with_everything_is_sent() -> None:
    record = RunRecord(
        "r",
        "0",
        "name",
        4,
        "Running",
        start_time=5,
        params={"p": "1"},
        tags={"t": None, "u": "é"},
        properties={"q": ""},
        latest={"loss": Latest(-0.0, 1, 2)},
        latest_texts={"x": True, "y": None, "z": "text"},
        latest_columns={("table", "column"): Latest(math.inf, 1, 2)},
        dataset_inputs=(DatasetInput(Dataset("d", "1", "local", "here", profile="{}"), {"a": "b"}),),
        model_inputs=("m",),
        model_outputs=(ModelOutput("m", 3),),
        warnings=("w",),
    )
    assert sent_call(Backend.create_runs, records=[record], leases=[Lease("r", "j", 5)]) == {
        "records": (record,),
        "leases": (Lease("r", "j", 5),),
    }
    page = Page((record, RunRecord("r2", "0")), "token")
    assert sent_result(Backend.search_runs, page) == page
    assert list(sent_result(Backend.get_runs, {"b": record, "a": record})) == ["b", "a"]


def test_a_query_is_sent_and_checked() -> None:
    query = RunQuery(
        ("0", "1"),
        (Comparison("metric", "loss", "<", 0.5), Comparison("attribute", "run_id", "IN", ("a", "b"))),
        (Ordering("attribute", "status", False, (("Running",), ("Failed",))),),
        max_results=7,
    )
    assert sent_call(Backend.search_runs, query=query) == {"query": query}
    body = dump_call(Backend.search_runs, {"query": query})
    wrong = bytes(body.content).replace(b'"<"', b'"LIKE"')
    with pytest.raises(InvalidValue, match="must compare with a number"):
        load_call(Backend.search_runs, body.media_type, wrong)


def test_columns_of_runs_of_both_kinds_are_sent() -> None:
    numbers = Numbers(numpy.array([1.0, NAN]), numpy.array([True, False]))
    texts = Texts(numpy.array([1, 0], "u4"), ("a", None), numpy.array([True, True]))
    read = sent_result(RunViews.get_columns, RunColumns(("a", "b"), numpy.array([1, 2]), 9, (numbers, texts)))
    assert [type(column) for column in read.columns] == [Numbers, Texts]
    assert read.columns[0].values.tobytes() == numbers.values.tobytes()
    assert read.columns[1].words == ("a", None) and read.columns[1].codes.dtype == "uint32"
    assert sent_call(RunViews.get_columns, query=RunQuery(("0",)), columns=[Column("metric", "m")])["columns"] == (
        Column("metric", "m"),
    )


def test_series_with_positions_and_with_objects_are_sent() -> None:
    array = numpy.array([1, 2])
    record = SeriesRecord("k", "", 0, "text", False, array, array, array, array.astype("u1"), None, [None, "x"])
    read = sent_result(RunViews.get_tail, {("r", "k"): [record]})[("r", "k")][0]
    assert read.texts == [None, "x"] and read.numbers is None and read.positions.tolist() == [1, 2]
    series = Series(array, array, numpy.array([2**70, 1], dtype=object))
    assert sent_result(RunViews.get_history, series).values.tolist() == [2**70, 1]


def test_every_method_of_the_table_has_a_form() -> None:
    for method in METHODS.values():
        with pytest.raises(InvalidValue, match="must be an object"):
            load_call(method.function, JSON_TYPE, b"[]")


def test_unknown_fields_are_ignored_and_missing_ones_get_their_default() -> None:
    dumped = json.loads(bytes(dump_result(Backend.get_experiment, ExperimentRecord("1", "a", "active", 1, 2)).content))
    assert "tags" not in dumped["result"]
    dumped["result"]["newer"] = [1]
    read = load_result(Backend.get_experiment, JSON_TYPE, json.dumps(dumped).encode())
    assert read == ExperimentRecord("1", "a", "active", 1, 2)
    sent = {"run_id": "r", "lease": ["r", "j", 5, 6, 0, "newer"], "newer": 1}
    assert load_call(Backend.claim_run, JSON_TYPE, json.dumps(sent).encode()) == {
        "run_id": "r",
        "lease": Lease("r", "j", 5, 6),
    }


@pytest.mark.parametrize(
    "content, sentence",
    [
        (b"", "must be JSON"),
        (b"{", "must be JSON"),
        (b"\xff", "must be JSON"),
        (b'{"run_ids": NaN}', "must be JSON"),
        (b"[" * 200_000, "must have fewer levels"),
        (b'{"run_ids": ' + b"1" * 5_000 + b"}", "must be JSON"),
        (b"{}", "must have the argument run_ids"),
        (b'{"run_ids": {"a": 1}}', "run_ids"),
        (b'{"run_ids": ["a", 5]}', "must be text"),
        (b'{"run_ids": ["a"], "latest": 1}', "must be true or false"),
    ],
)
def test_a_wrong_body_is_refused_with_one_sentence(content: bytes, sentence: str) -> None:
    with pytest.raises(InvalidValue, match=sentence):
        load_call(Backend.get_runs, JSON_TYPE, content)
    with pytest.raises(InvalidValue, match="Content-Type"):
        load_call(Backend.get_runs, "text/plain", content)
    with pytest.raises(InvalidValue):
        load_call(Backend.get_runs, FRAME_TYPE, content)


@given(st.data())
def test_a_damaged_frame_is_refused_or_read(data: st.DataObject) -> None:
    piece = make_slice("j", 0, 9, [Entry("r", "loss", 0.5), Entry("r", "t", "x")])
    content = bytearray(bytes(dump_call(Backend.append, {"slices": [piece]}).content))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    for damaged in (bytes(content), bytes(content[:cut])):
        try:
            load_call(Backend.append, FRAME_TYPE, damaged)
        except InvalidValue as error:
            assert len(str(error)) < 500


def test_a_value_that_no_argument_can_have_is_refused_by_the_client() -> None:
    with pytest.raises(InvalidValue, match="run_ids"):
        dump_call(Backend.get_runs, {"run_ids": 5})
    with pytest.raises(InvalidValue, match="slices"):
        dump_call(Backend.append, {"slices": [LeaseRecord("r", 1, True)]})
