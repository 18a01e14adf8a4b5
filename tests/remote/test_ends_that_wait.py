"""The end of a run waits while the server is away, and is stored once when the server answers again."""

from __future__ import annotations

import json
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from submitting import until

from bridge import Experiment, Run, Workspace
from bridge.errors import InvalidState, StoreUnavailable
from bridge.records.run import RunChanges
from bridge.store import background, kept_ends, retries
from bridge.store import remote as remote_store
from bridge.store.journal_place import journal_folder

pytestmark = [pytest.mark.slow, pytest.mark.processes]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "FOLD_SECONDS", 0.1)
    monkeypatch.setattr(retries, "LONGEST_PAUSE", 0.3)
    for name in ("FLUSH_SECONDS", "END_SECONDS", "OWN_READ_SECONDS"):
        monkeypatch.setattr(remote_store, name, 1.0)


def ends_in(workspace: Workspace) -> list[Path]:
    return list(journal_folder(workspace.id).glob(f"*{kept_ends.SUFFIX}"))


def test_a_run_whose_points_wait_ends_in_the_background(run, local, remote, server, caplog):
    server.proxy.fail("refuse")
    run.log("point", 1)
    with pytest.raises(StoreUnavailable, match="it has not taken 1 points yet"):
        run.complete()
    assert f"Run {run.id} becomes Completed when the server has taken its points." in caplog.messages
    assert run.status == "Running"
    assert ends_in(remote)
    server.proxy.fail("none")
    until(lambda: local.get_run(run.id).status == "Completed")
    assert local.get_run(run.id).get_metrics() == {"point": 1}
    until(lambda: not ends_in(remote))
    until(lambda: run.status == "Completed")
    assert not remote.stores.tracking.owns_runs


def test_a_run_without_waiting_points_ends_later_and_raises_nothing(run, local, server, caplog):
    server.proxy.fail("refuse")
    run.complete()
    assert any(f"Run {run.id} becomes Completed when the server answers again." in text for text in caplog.messages)
    server.proxy.fail("none")
    until(lambda: local.get_run(run.id).status == "Completed")


def test_an_end_whose_answer_was_lost_is_not_made_twice(run, local, server, remote):
    server.proxy.fail("cut")
    run.complete()
    assert local.get_run(run.id).status == "Completed"
    local.stores.tracking.update_runs((run.id,), RunChanges(status="Failed"))  # a later change of another client
    server.proxy.fail("none")
    until(lambda: not ends_in(remote))
    assert local.get_run(run.id).status == "Failed"


def test_another_end_on_the_server_is_not_overwritten(run, local, server, remote, caplog):
    run.log("point", 1)
    run.flush()
    server.proxy.fail("refuse")
    run.log("point", 2)
    with pytest.raises(StoreUnavailable):
        run.complete()
    local.get_run(run.id).cancel()
    server.proxy.fail("none")
    until(lambda: not ends_in(remote))
    assert local.get_run(run.id).status == "Canceled"
    until(lambda: any("is dropped: The run" in text for text in caplog.messages))
    with pytest.raises(InvalidState):
        run.complete()


def test_a_damaged_file_stops_nothing(run, local, server, remote):
    folder = journal_folder(remote.id)
    (folder / "gone.0.end").write_text("{")
    (folder / "gone.1.end").write_text(json.dumps({"run": "x"}))
    (folder / "gone.2.end").write_text(json.dumps({"run": "x", "key": "y", "request": "[]"}))
    run.log("point", 1)
    until(lambda: not ends_in(remote))
    run.complete()
    assert local.get_run(run.id).status == "Completed"


def test_an_mlflow_logger_ends_a_run_without_the_server(remote, local, server):
    """Lightning calls these methods when a training ends."""
    experiment = Experiment(remote, "lightning")
    client = MlflowClient(remote.get_mlflow_tracking_uri())
    run_id = client.create_run(experiment.id).info.run_id
    client.log_metric(run_id, "loss", 0.5, step=1)
    server.proxy.fail("refuse")
    client.log_metric(run_id, "loss", 0.25, step=2)
    assert client.get_run(run_id).info.status == "RUNNING"
    client.set_terminated(run_id, "FINISHED")
    server.proxy.fail("none")
    found: Run = local.get_run(run_id)
    until(lambda: found.status == "Completed")
    assert found.get_series("loss").values.tolist() == [0.5, 0.25]
    assert mlflow.active_run() is None
