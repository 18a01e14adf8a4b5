"""Values that cannot be stored are refused as in MLflow, and rows that have such values can be read."""

from __future__ import annotations

import base64
import math
import sqlite3
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy
import pytest
from mlflow import MlflowClient
from mlflow.entities import (
    Dataset,
    DatasetInput,
    ExperimentTag,
    InputTag,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Param,
    RunTag,
)
from mlflow.exceptions import MlflowException

from bridge import Workspace
from bridge.store.workspace_stores import WorkspaceStores
from bridge_mlflow.tracking_store import BridgeTrackingStore

BAD = "a\ud800b"
"""Text that UTF-8 cannot encode."""

YEAR_10000 = 253_402_300_800_000


@pytest.fixture
def store(uri: str) -> BridgeTrackingStore:
    return BridgeTrackingStore(uri)  # type: ignore[abstract]


@pytest.fixture
def run_id(store: BridgeTrackingStore) -> str:
    return str(store.create_run("0", "ada", 1, [], "first").info.run_id)


def _refusal(call: Callable[[], Any], code: str = "INVALID_PARAMETER_VALUE") -> None:
    with pytest.raises(MlflowException) as caught:
        call()
    assert caught.value.error_code == code
    assert caught.value.get_http_status_code() < 500
    caught.value.serialize_as_json().encode()  # the answer of a server


TIMES = {
    1.9: 1,
    -1.9: -1,
    numpy.int64(5): 5,
    numpy.int32(6): 6,
    numpy.float32(2.5): 2,
    Decimal("3.5"): 3,
    "7": 7,
    YEAR_10000: YEAR_10000,
    2**63 - 1: 2**63 - 1,
    -(2**63): -(2**63),
}


@pytest.mark.parametrize("time", TIMES, ids=repr)
def test_a_time_of_a_run_is_stored_as_whole_milliseconds(
    store: BridgeTrackingStore, opened: WorkspaceStores, time: Any
) -> None:
    made = store.create_run("0", "ada", time, [], "n").info
    client = MlflowClient(f"bridge://{opened.address}")
    client.set_terminated(made.run_id, "FINISHED", time)
    for info in (client.get_run(made.run_id).info, client.search_runs(["0"])[0].info):
        assert (type(info.start_time), info.start_time, info.end_time) == (int, TIMES[time], TIMES[time])
        info.to_proto()  # the answer of a server
    native = Workspace.open(opened.address).get_run(made.run_id)
    details = native.wait_for_completion()
    assert details == native.get_details()
    assert details["startTimeUtc"] == details["endTimeUtc"]


@pytest.mark.parametrize(
    "time",
    [math.nan, math.inf, numpy.float64("nan"), 2**63, -(2**63) - 1, 10**400, 1e300, "abc", "1.5", "2026-01-01", b"7",
     date(2026, 1, 1), datetime(2026, 1, 1), [1], {}, numpy.array([3, 4]), 1j],
    ids=lambda time: repr(time)[:30],
)  # fmt: skip
def test_an_invalid_time_is_refused_and_changes_nothing(store: BridgeTrackingStore, run_id: str, time: Any) -> None:
    before = store.get_run(run_id).to_dictionary()
    _refusal(lambda: store.create_run("0", "ada", time, [], "n"))
    _refusal(lambda: store.update_run_info(run_id, 3, time, "other"))
    assert store.get_run(run_id).to_dictionary() == before
    assert len(store.search_runs(["0"], "", 3)) == 1


@pytest.mark.parametrize(
    ("kept", "read"),
    [(1.5, 1), ("abc", None), ("2026-01-01 00:00:00", 1_767_225_600_000), ("2026-01-01", 1_767_225_600_000),
     (b"\x05\0\0\0\0\0\0\0", 5), (b"\xfb\xff\xff\xff", -5), (math.inf, None), (YEAR_10000, YEAR_10000)],
    ids=repr,
)  # fmt: skip
def test_rows_with_odd_times_of_an_earlier_version_are_read(
    store: BridgeTrackingStore, opened: WorkspaceStores, run_id: str, kept: Any, read: int | None
) -> None:
    other = store.create_run("0", "ada", 3, [], "second").info.run_id
    store.update_run_info(run_id, 3, None, None)
    with sqlite3.connect(f"{opened.address}/workspace.db") as rows:
        rows.execute("UPDATE run SET start_time = ?, end_time = ? WHERE id = ?", (kept, kept, run_id))
    rows.close()
    info = store.get_run(run_id).info
    assert (info.start_time, info.end_time) == (read or 0, read)
    info.to_proto()
    assert {one.info.run_id for one in store.search_runs(["0"], "", 1)} == {run_id, other}
    workspace = Workspace.open(opened.address)
    details = workspace.get_run(run_id).wait_for_completion()
    assert ("startTimeUtc" in details) == (read is not None)
    assert {one.id for one in workspace.experiments["Default"].get_runs()} == {run_id, other}
    assert store.companion.call("search_traces", ["0"])[0] == []


def _inputs(name: str = "n", digest: str = "d", source: str = "s", tag: tuple[str, str] = ("k", "v")) -> Any:
    return [DatasetInput(Dataset(name, digest, "local", source, BAD if name == "schema" else None), [InputTag(*tag)])]


WRITES: dict[str, Callable[[BridgeTrackingStore, str], Any]] = {
    "name of a new run": lambda s, run: s.create_run("0", "u", 1, [], BAD),
    "experiment of a new run": lambda s, run: s.create_run(BAD, "u", 1, [], "n"),
    "key of a new run's tag": lambda s, run: s.create_run("0", "u", 1, [RunTag(BAD, "x")], "n"),
    "value of a new run's tag": lambda s, run: s.create_run("0", "u", 1, [RunTag("k", BAD)], "n"),
    "note of a new run": lambda s, run: s.create_run("0", "u", 1, [RunTag("mlflow.note.content", BAD)], "n"),
    "parent of a new run": lambda s, run: s.create_run("0", "u", 1, [RunTag("mlflow.parentRunId", BAD)], "n"),
    "name of a run": lambda s, run: s.update_run_info(run, None, None, BAD),
    "param": lambda s, run: s.log_param(run, Param("k", BAD)),
    "key of a param": lambda s, run: s.log_param(run, Param(BAD, "v")),
    "tag": lambda s, run: s.set_tag(run, RunTag("k", BAD)),
    "key of a tag": lambda s, run: s.set_tag(run, RunTag(BAD, "v")),
    "name tag": lambda s, run: s.set_tag(run, RunTag("mlflow.runName", BAD)),
    "note": lambda s, run: s.set_tag(run, RunTag("mlflow.note.content", BAD)),
    "metric": lambda s, run: s.log_metric(run, Metric(BAD, 1.0, 1, 1)),
    "param of a batch": lambda s, run: s.log_batch(run, [Metric("m", 1.0, 1, 1)], [Param("k", BAD)], []),
    "tag of a batch": lambda s, run: s.log_batch(run, [Metric("m", 1.0, 1, 1)], [Param("p", "v")], [RunTag("k", BAD)]),
    "metric of a batch": lambda s, run: s.log_batch(run, [Metric(BAD, 1.0, 1, 1)], [Param("p", "v")], []),
    "data set": lambda s, run: s.log_inputs(run, _inputs(name=BAD)),
    "digest": lambda s, run: s.log_inputs(run, _inputs(digest=BAD)),
    "source": lambda s, run: s.log_inputs(run, _inputs(source=BAD)),
    "schema": lambda s, run: s.log_inputs(run, _inputs(name="schema")),
    "tag of a data set": lambda s, run: s.log_inputs(run, _inputs(tag=("k", BAD))),
    "key of a data set's tag": lambda s, run: s.log_inputs(run, _inputs(tag=(BAD, "v"))),
    "model used": lambda s, run: s.log_inputs(run, models=[LoggedModelInput(BAD)]),
    "model made": lambda s, run: s.log_outputs(run, [LoggedModelOutput(BAD, 0)]),
    "step of a model made": lambda s, run: s.log_outputs(run, [LoggedModelOutput("m", 2**63)]),
    "name of an experiment": lambda s, run: s.create_experiment(BAD),
    "place of an experiment": lambda s, run: s.create_experiment("new", f"s3://{BAD}"),
    "tag of a new experiment": lambda s, run: s.create_experiment("new", None, [ExperimentTag("k", BAD)]),
    "tag of an experiment": lambda s, run: s.set_experiment_tag("0", ExperimentTag("k", BAD)),
    "new name of an experiment": lambda s, run: s.rename_experiment("0", BAD),
    "experiment to delete": lambda s, run: s.delete_experiment(BAD),
    "no experiment to delete": lambda s, run: s.delete_experiment(""),
    "None to delete": lambda s, run: s.delete_experiment(None),  # type: ignore[arg-type]
    "run to delete": lambda s, run: s.delete_run(BAD),
    "run to restore": lambda s, run: s.restore_run(BAD),
    "run of a param": lambda s, run: s.log_param(BAD, Param("k", "v")),
    "run of a tag": lambda s, run: s.set_tag(BAD, RunTag("k", "v")),
    "run of a metric": lambda s, run: s.log_metric(BAD, Metric("k", 1.0, 1, 1)),
    "run of a batch": lambda s, run: s.log_batch(BAD, [Metric("k", 1.0, 1, 1)], [], []),
    "run to change": lambda s, run: s.update_run_info(BAD, None, None, "n"),
}
READS: dict[str, Callable[[BridgeTrackingStore, str], Any]] = {
    "run": lambda s, run: s.get_run(BAD),
    "run of a history": lambda s, run: s.get_metric_history(BAD, "m"),
    "history": lambda s, run: s.get_metric_history(run, BAD),
    "histories": lambda s, run: s.get_metric_history_bulk([run], BAD, 5),
    "runs of histories": lambda s, run: s.get_metric_history_bulk([BAD], "m", 5),
    "sampled histories": lambda s, run: s.get_metric_history_bulk_interval([BAD], "m", 5, None, None),
    "experiment": lambda s, run: s.get_experiment(BAD),
    "experiment by name": lambda s, run: s.get_experiment_by_name(BAD),
    "filter": lambda s, run: s.search_runs(["0"], f"tags.a = '{BAD}'", 1),
    "filter that is no text": lambda s, run: s.search_runs(["0"], 5, 1),  # type: ignore[arg-type]
    "filter of experiments": lambda s, run: s.search_experiments(filter_string=f"name = '{BAD}'"),
    "order": lambda s, run: s.search_runs(["0"], "", 1, order_by=[BAD]),
    "order that is no text": lambda s, run: s.search_runs(["0"], "", 1, order_by=[5]),  # type: ignore[list-item]
    "experiments to search": lambda s, run: s.search_runs([BAD], "", 1),
    "no experiment to search": lambda s, run: s.search_runs([""], "", 1),
    "data sets": lambda s, run: s._search_datasets([BAD]),
}


def _all_rows(opened: WorkspaceStores) -> list[Any]:
    connection = sqlite3.connect(f"{opened.address}/workspace.db")
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


@pytest.mark.parametrize("name", WRITES)
def test_text_that_utf8_cannot_encode_is_refused_and_writes_nothing(
    store: BridgeTrackingStore, opened: WorkspaceStores, run_id: str, name: str
) -> None:
    store.get_metric_history(run_id, "m")  # this read folds
    before = _all_rows(opened)
    _refusal(lambda: WRITES[name](store, run_id))
    assert store.get_metric_history(run_id, "m") == []
    assert _all_rows(opened) == before


@pytest.mark.parametrize("name", READS)
def test_a_search_that_utf8_cannot_encode_is_refused(store: BridgeTrackingStore, run_id: str, name: str) -> None:
    _refusal(lambda: READS[name](store, run_id))


def test_a_tag_that_no_run_can_have_is_reported_as_missing(store: BridgeTrackingStore, run_id: str) -> None:
    _refusal(lambda: store.delete_tag(run_id, BAD), "RESOURCE_DOES_NOT_EXIST")
    assert store.get_metric_history(run_id, 5) == []  # type: ignore[arg-type]  # as MLflow answers


def test_a_user_and_a_script_whose_names_are_not_utf8_can_start_runs(store: BridgeTrackingStore) -> None:
    name = b"j\xfcrgen".decode("utf-8", "surrogateescape")
    tags = [RunTag("mlflow.user", name), RunTag("mlflow.source.name", f"{name}.py")]
    made = store.create_run("0", name, 1, tags, "n")
    found = store.get_run(made.info.run_id)
    assert (found.info.user_id, found.data.tags["mlflow.source.name"]) == ("j\\udcfcrgen", "j\\udcfcrgen.py")
    found.to_proto()


def _token(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


BAD_TOKENS = [
    "MQ==", b"MQ==", _token("[]"), _token("null"), _token('"offset"'), _token('{"offset": [1]}'),
    _token('{"offset": 1e400}'), _token('{"offset": null}'), _token("[" * 100_000), _token('{"offset": ' + "9" * 5000),
    "x", "é", "\ud800", b"\xff", 1, _token("\xff"),
]  # fmt: skip


@pytest.mark.parametrize("token", BAD_TOKENS, ids=lambda token: repr(token)[:30])
def test_a_page_token_that_no_page_has_returned_is_refused(store: BridgeTrackingStore, run_id: str, token: Any) -> None:
    _refusal(lambda: store.search_runs(["0"], "", 1, page_token=token))
    _refusal(lambda: store.search_experiments(page_token=token))
    _refusal(lambda: store.get_metric_history(run_id, "m", 5, token))


def test_a_token_before_the_start_of_a_history_returns_the_start(store: BridgeTrackingStore, run_id: str) -> None:
    for step in range(3):
        store.log_metric(run_id, Metric("m", step, step, step))
    steps = [one.step for one in store.get_metric_history(run_id, "m", 2, _token('{"offset": -1}'))]
    assert steps == [0, 1]
