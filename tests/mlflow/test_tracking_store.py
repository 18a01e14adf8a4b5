"""The tracking store opens workspaces, agrees with the native API, and loses nothing."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import mlflow
import pytest
from forked import Fork
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunStatus, RunTag
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from bridge import Experiment, InvalidState, Workspace
from bridge.records.run import RunChanges, Status
from bridge.store.fold import Folding
from bridge_mlflow.run_context import BridgeRunContext
from bridge_mlflow.tracking_store import BridgeTrackingStore
from bridge_mlflow.translate.statuses import MLFLOW_STATUS, NATIVE_STATUS, VIEWS


def test_listing_a_folder_of_artifacts_does_not_create_mlflows_store(tmp_path: Path) -> None:
    ws = Workspace.create("demo", path=tmp_path / "ws")
    run = Experiment(ws, "both").start_logging()
    client = MlflowClient(ws.get_mlflow_tracking_uri())
    client.log_text(run.id, "hello", "folder/note.txt")
    assert [one.path for one in client.list_artifacts(run.id, "folder")] == ["folder/note.txt"]
    store = BridgeTrackingStore(ws.get_mlflow_tracking_uri())
    assert store.companion._temporary is None
    assert not store.companion.exists


def test_a_tracking_uri_whose_folder_does_not_exist_creates_the_workspace(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client = MlflowClient(f"bridge://{tmp_path}/new", f"bridge://{tmp_path}/new")
    run_id = client.create_run("0").info.run_id
    client.log_metric(run_id, "loss", 0.5)
    assert [line for line in caplog.messages if "Created the workspace" in line] == [
        f"Created the workspace new in {tmp_path}/new, because this folder did not exist."
    ]
    assert Workspace.open(tmp_path / "new").get_run(run_id).get_metrics() == {"loss": 0.5}
    with pytest.raises(MlflowException, match=r"Workspace\.create\('deeper'") as caught:
        MlflowClient(f"bridge://{tmp_path}/none/deeper")
    assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    with pytest.raises(MlflowException, match="There is no"):  # an artifact location does not create a workspace
        get_artifact_repository(f"bridge://{tmp_path}/other/artifacts/0")
    assert [one.name for one in tmp_path.iterdir()] == ["new"]


def test_a_change_of_a_tag_or_a_name_does_not_wait_for_a_fold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = BridgeTrackingStore(f"bridge://{tmp_path}/ws")
    run_id = store.create_run("0", "ada", 1, [], "first").info.run_id
    folding: list[threading.Thread] = []
    monkeypatch.setattr(Folding, "fold", lambda self, wait=True: folding.append(threading.current_thread()))
    store.log_metric(run_id, Metric("loss", 0.5, 1, 1))
    store.set_tag(run_id, RunTag("a", "1"))
    store.log_batch(run_id, [Metric("loss", 0.4, 2, 2)], [Param("p", "1")], [RunTag("b", "2")])
    store.delete_tag(run_id, "a")
    info = store.update_run_info(run_id, None, None, "second")
    assert (info.run_name, info.status) == ("second", "RUNNING")
    assert threading.current_thread() not in folding
    monkeypatch.undo()
    data = store.get_run(run_id).data
    assert (data.metrics, data.params, data.tags["b"], "a" in data.tags) == ({"loss": 0.4}, {"p": "1"}, "2", False)


SHOWN_STATUSES = {
    "SCHEDULED": "NotStarted Queued Preparing Provisioning Starting Unapproved",
    "RUNNING": "Running NotResponding Pausing Paused CancelRequested Finalizing",
    "FINISHED": "Completed",
    "FAILED": "Failed",
    "KILLED": "Canceled",
}


def test_every_status_has_one_in_mlflow_and_every_status_of_mlflow_has_one_here() -> None:
    assert set(MLFLOW_STATUS) == set(get_args(Status))
    assert {word: {own for own, theirs in MLFLOW_STATUS.items() if theirs == word} for word in SHOWN_STATUSES} == {
        word: set(own.split()) for word, own in SHOWN_STATUSES.items()
    }
    assert {RunStatus.to_string(number) for number in NATIVE_STATUS} == set(SHOWN_STATUSES)
    for number, native in NATIVE_STATUS.items():
        assert MLFLOW_STATUS[native] == RunStatus.to_string(number)


def test_mlflow_view_types_are_known() -> None:
    assert VIEWS == {1: "active", 2: "deleted", 3: "all"}


def test_another_view_type_is_refused(tmp_path: Path) -> None:
    client = MlflowClient(Workspace.create("demo", path=tmp_path / "ws").get_mlflow_tracking_uri())
    for search in (lambda: client.search_runs(["0"], run_view_type=9), lambda: client.search_experiments(view_type=9)):
        with pytest.raises(MlflowException, match="Invalid view type 9"):
            search()


def test_each_api_reads_what_the_other_writes(tmp_path: Path) -> None:
    ws = Workspace.create("demo", path=tmp_path / "ws")
    run = Experiment(ws, "both").start_logging(display_name="native", snapshot_directory=None)
    client = MlflowClient(ws.get_mlflow_tracking_uri())
    run.log("loss", 0.5)
    client.log_metric(run.id, "loss", 0.25, step=7)
    run.log("Category", "Red")
    run.tag("team", "vision")
    run.add_properties({"origin": "here"})
    client.log_param(run.id, "lr", 0.1)
    client.set_tag(run.id, "owner", "eve")
    client.set_tag(run.id, "mlflow.runName", "renamed")
    client.set_tag(run.id, "mlflow.note.content", "a note")

    assert run.get_metrics() == {"loss": [0.5, 0.25], "Category": "Red"}
    assert run.params == {"lr": "0.1"}
    assert run.get_tags() == {"team": "vision", "owner": "eve"}
    assert run.display_name == "renamed"
    assert run.description == "a note"
    seen = client.get_run(run.id)
    assert seen.data.metrics == {"loss": 0.25}
    assert [(one.step, one.value) for one in client.get_metric_history(run.id, "loss")] == [(0, 0.5), (7, 0.25)]
    tags = dict(seen.data.tags)
    user = tags.pop("mlflow.user")
    assert user == seen.info.user_id
    assert [one.info.run_id for one in client.search_runs([run.experiment.id], f"tags.mlflow.user = '{user}'")] == [
        run.id
    ]
    assert tags == {
        "mlflow.runName": "renamed",
        "mlflow.note.content": "a note",
        "team": "vision",
        "owner": "eve",
        "origin": "here",
        "Category": "Red",
    }


def test_a_property_cannot_be_set_as_a_tag(tmp_path: Path) -> None:
    ws = Workspace.create("demo", path=tmp_path / "ws")
    run = Experiment(ws, "both").start_logging()
    run.add_properties({"origin": "here"})
    client = MlflowClient(ws.get_mlflow_tracking_uri())
    for write in (
        lambda: client.set_tag(run.id, "origin", "there"),
        lambda: client.log_batch(run.id, params=[Param("p", "1")], tags=[RunTag("origin", "there")]),
    ):
        with pytest.raises(MlflowException, match="has a property with this key") as raised:
            write()
        assert raised.value.error_code == "INVALID_PARAMETER_VALUE"
    assert client.get_run(run.id).data.params == {}


def test_a_finer_native_status_survives_a_client_that_sets_the_same_status_again(tmp_path: Path) -> None:
    ws = Workspace.create("demo", path=tmp_path / "ws")
    run = Experiment(ws, "both").start_logging()
    store = BridgeTrackingStore(ws.get_mlflow_tracking_uri())
    store.workspace.tracking.update_runs((run.id,), RunChanges(status="Finalizing"))
    client = MlflowClient(ws.get_mlflow_tracking_uri())
    client.update_run(run.id, status="RUNNING", name="renamed")
    assert run.get_status() == "Finalizing"
    client.update_run(run.id, status="SCHEDULED")
    assert run.get_status() == "NotStarted"
    client.update_run(run.id, status="RUNNING")
    assert run.get_status() == "Running"
    assert run.display_name == "renamed"


def test_a_run_that_failed_and_was_then_finished_through_mlflow_has_no_error(tmp_path: Path) -> None:
    ws = Workspace.create("demo", path=tmp_path / "ws")
    client = MlflowClient(ws.get_mlflow_tracking_uri())
    run = Experiment(ws, "digits").start_logging()
    run.fail("out of memory")
    assert run.error is not None
    client.set_terminated(run.id, "FINISHED")
    assert (run.status, run.error) == ("Completed", None)


@pytest.mark.slow
def test_a_run_that_a_logger_completed_can_still_fail_until_its_owner_ends_it(tmp_path: Path) -> None:
    """A script continues after `Trainer.fit` has finished the run, and may fail afterwards."""
    ws = Workspace.create("demo", path=tmp_path / "ws")
    client = MlflowClient(ws.get_mlflow_tracking_uri())
    experiment = Experiment(ws, "digits")
    with pytest.raises(ValueError, match="bad plot"), experiment.start_logging() as run:
        client.set_terminated(run.id, "FINISHED")
        raise ValueError("bad plot")
    assert run.status == "Failed"
    assert run.error is not None and "bad plot" in run.error["message"]

    run = experiment.start_logging()
    client.set_terminated(run.id, "FINISHED")
    run.complete()
    with pytest.raises(InvalidState, match="is Completed"):
        run.fail("too late")

    code = (
        "from bridge import Experiment, Workspace\nfrom mlflow import MlflowClient\n"
        f"ws = Workspace.open({str(ws.path)!r})\n"
        "run = Experiment(ws, 'uncaught').start_logging()\n"
        "MlflowClient(ws.get_mlflow_tracking_uri()).set_terminated(run.id, 'FINISHED')\n"
        "raise ValueError('bad plot')\n"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=120).returncode == 1
    (uncaught,) = Experiment(ws, "uncaught").get_runs()
    assert uncaught.status == "Failed"


def test_values_keep_their_bits_natively_and_follow_mlflows_rules_in_its_api(tmp_path: Path) -> None:
    ws = Workspace.create("demo", path=tmp_path / "ws")
    run = Experiment(ws, "both").start_logging()
    client = MlflowClient(ws.get_mlflow_tracking_uri())
    for step, value in enumerate((math.inf, -math.inf, -0.0, math.nan)):
        client.log_metric(run.id, "m", value, step=step)
    native = run.get_series("m").values.tolist()
    assert native[:2] == [math.inf, -math.inf]
    assert math.copysign(1, native[2]) == -1
    assert math.isnan(native[3])
    shown = [one.value for one in client.get_metric_history(run.id, "m")]
    assert shown[:2] == [1.7976931348623157e308, -1.7976931348623157e308]
    assert math.copysign(1, shown[2]) == 1
    assert math.isnan(shown[3])


def test_a_failure_of_an_asynchronous_call_is_raised_by_wait(tmp_path: Path) -> None:
    ws = Workspace.create("demo", path=tmp_path / "ws")
    run = Experiment(ws, "both").start_logging()
    client = MlflowClient(ws.get_mlflow_tracking_uri())
    client.log_metric(run.id, "m", 1.0, synchronous=False).wait()
    answer = client.log_metric("unknown", "m", 1.0, synchronous=False)
    with pytest.raises(MlflowException, match="Run with id=unknown not found"):
        answer.wait()


def test_many_metrics_in_one_batch_arrive_in_order(tmp_path: Path) -> None:
    ws = Workspace.create("demo", path=tmp_path / "ws")
    run = Experiment(ws, "both").start_logging()
    client = MlflowClient(ws.get_mlflow_tracking_uri())
    client.log_batch(run.id, [Metric(f"k{index % 3}", index / 1, 1, index) for index in range(2500)])
    assert {key: len(values) for key, values in run.get_metrics().items()} == {"k0": 834, "k1": 833, "k2": 833}


def test_a_batch_with_one_invalid_point_stores_nothing(tmp_path: Path) -> None:
    ws = Workspace.create("demo", path=tmp_path / "ws")
    run = Experiment(ws, "both").start_logging()
    client = MlflowClient(ws.get_mlflow_tracking_uri())
    points = [Metric("m", 1.0, 1, 0), Metric("m", 1.0, 1, 2**63)]
    with pytest.raises(MlflowException, match="64 bits"):
        client.log_batch(run.id, points, [Param("p", "1")], [RunTag("t", "1")])
    assert (run.get_metrics(), run.params, run.get_tags()) == ({}, {}, {})


@pytest.mark.parametrize("uri", ["bridge:demo", "bridge://host/demo", "bridge:///nowhere/at/all", "bridge:///a?b=c"])
def test_a_uri_that_is_not_a_workspaces_is_refused_in_one_sentence(uri: str) -> None:
    with pytest.raises(MlflowException) as raised:
        MlflowClient(uri)
    assert "\n" not in str(raised.value)


def test_a_folder_with_any_name_has_a_uri(tmp_path: Path) -> None:
    ws = Workspace.create("demo", path=tmp_path / "a b#c?d%20ü")
    client = MlflowClient(ws.get_mlflow_tracking_uri())
    run = client.create_run("0")
    client.log_text(run.info.run_id, "hello", "note.txt")
    assert ws.get_run(run.info.run_id).get_file_names() == ["note.txt"]
    assert BridgeTrackingStore(ws.get_mlflow_tracking_uri() + "/").workspace.stores.address == str(ws.path)


def test_a_run_started_inside_a_native_one_is_its_child(tmp_path: Path, fork: Fork) -> None:
    ws = Workspace.create("demo", path=tmp_path / "ws")
    run = Experiment(ws, "both").start_logging()

    def start(say: Callable[[str], None]) -> None:
        os.environ |= {"BRIDGE_RUN_ID": run.id, "BRIDGE_WORKSPACE": str(ws.path)}
        mlflow.set_tracking_uri(ws.get_mlflow_tracking_uri())
        with mlflow.start_run() as child:
            say(child.data.tags["mlflow.parentRunId"])
        with mlflow.start_run(run_id=run.id) as same:
            say(str(same.data.tags.get("mlflow.parentRunId")))
        os.environ["MLFLOW_RUN_ID"] = run.id
        with mlflow.start_run() as same:
            say(str(same.data.tags.get("mlflow.parentRunId")))

    assert fork(start).rest() == [run.id, "None", "None"]


def test_only_a_run_in_the_workspace_of_the_native_one_is_its_child(
    fluent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = BridgeRunContext()
    assert not context.in_context()
    monkeypatch.setenv("BRIDGE_RUN_ID", "native")
    assert context.tags() == {"mlflow.parentRunId": "native"}  # the environment names no workspace
    monkeypatch.setenv("BRIDGE_WORKSPACE", str(tmp_path / "other"))
    assert context.tags() == {}
    for address in (fluent, fluent.removeprefix("bridge://"), fluent + "/"):
        monkeypatch.setenv("BRIDGE_WORKSPACE", address)
        assert context.in_context()
    monkeypatch.setenv("MLFLOW_RUN_ID", "native")
    assert context.in_context()
    monkeypatch.delenv("MLFLOW_RUN_ID")
    mlflow.set_tracking_uri("http://127.0.0.1:5000")
    assert context.tags() == {}


def test_the_client_sends_a_user_agent() -> None:
    from mlflow.tracking.request_header.registry import resolve_request_headers

    agent = resolve_request_headers()["User-Agent"]
    assert agent.startswith("mlflow-python-client/")
    assert " runbridge/" in agent
