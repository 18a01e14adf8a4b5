"""Nothing of a client is stored in a workspace that another one has replaced at its address."""

from __future__ import annotations

from pathlib import Path

import pytest
from submitting import until

from bridge import Experiment, Workspace
from bridge.errors import NotFound, StoreUnavailable
from bridge.store import background, retries
from bridge.store import remote as remote_store

pytestmark = [pytest.mark.slow, pytest.mark.processes]


def points_of(workspace: Workspace, run_id: str) -> list[float]:
    try:
        return workspace.get_run(run_id).get_series("point").values.tolist()
    except NotFound:
        return []


def test_points_wait_until_their_workspace_is_back(local, client, run, server, tmp_path, caplog):
    run.log("point", 0)
    run.flush()
    first = server.folder
    with Workspace.create("demo", path=tmp_path / "replacement") as replacement:
        experiment = Experiment(replacement, "others")
        experiment.get_runs()
        server.end()
        server.folder = Path(replacement.path)
        server.start()
        run.log("point", 1)
        until(lambda: any("another workspace has its address now" in text for text in caplog.messages))
        run.log("point", 2)
        for change in (
            lambda: Experiment(client, "away").start_logging(outputs=False, snapshot_directory=None),
            lambda: Experiment(client, "new").get_runs(),
            lambda: run.tag("a", "b"),
            lambda: run.upload_file("test.py", __file__),
            lambda: run.complete(),
        ):
            with pytest.raises(StoreUnavailable, match="another workspace has its address now"):
                change()
        assert points_of(local, run.id) == [0]
        assert set(replacement.experiments) == {"others"}
        assert not list(experiment.get_runs())
        server.end()
        server.folder = first
        server.start()
    until(lambda: points_of(local, run.id) == [0, 1, 2])
    run.complete()
    assert local.get_run(run.id).status == "Completed"


def test_points_wait_until_their_workspace_is_served_again(local, client, run, server):
    run.log("point", 0)
    run.flush()
    server.end()
    server.name = "other"
    server.start()
    run.log("point", 1)
    does_not_know = "it does not know the address /w/demo/api/bridge/v1/"
    for call in (run.flush, lambda: list(Experiment(client, "away").get_runs()), lambda: run.tag("a", "b")):
        with pytest.raises(StoreUnavailable, match=does_not_know):
            call()
    server.end()
    server.name = "demo"
    server.start()
    until(lambda: points_of(local, run.id) == [0, 1])
    run.complete()
    assert local.get_run(run.id).status == "Completed"


@pytest.fixture
def client(remote: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The workspace of the client, which tries again soon."""
    monkeypatch.setattr(background, "FOLD_SECONDS", 0.1)
    monkeypatch.setattr(retries, "LONGEST_PAUSE", 0.3)
    monkeypatch.setattr(remote_store, "FLUSH_SECONDS", 2.0)
    return remote
