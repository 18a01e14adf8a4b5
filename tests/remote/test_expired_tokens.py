"""A token that expires or is revoked during a training stops no log call, and a new one in the file is used."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from renewed_token import RenewedToken
from submitting import until

from bridge import Experiment, Run, Workspace
from bridge.errors import NotAuthenticated, StoreUnavailable
from bridge.store import background, remote, retries

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again soon, so that the tests are short."""
    monkeypatch.setattr(background, "FOLD_SECONDS", 0.1)
    monkeypatch.setattr(retries, "LONGEST_PAUSE", 0.3)
    monkeypatch.setattr(remote, "FLUSH_SECONDS", 2.0)


@pytest.fixture
def run(token: RenewedToken) -> Iterator[Run]:
    with Workspace.open(token.address) as workspace:
        yield Experiment(workspace, "expired").start_logging(outputs=False, snapshot_directory=None)


def points_of(local: Workspace, run: Run) -> list[float]:
    return local.get_run(run.id).get_series("point").values.tolist()


def test_points_wait_for_a_new_token(run, local, token, caplog):
    run.log("point", 0)
    run.flush()
    token.revoke()
    with caplog.at_level(logging.WARNING, "bridge"):
        for number in range(1, 200):
            run.log("point", number)
        until(lambda: any("does not accept the token" in text for text in caplog.messages))
        assert run.status == "Running"  # as this process last read it
        with pytest.raises(StoreUnavailable, match="it has not taken 199 points yet.* does not accept the token"):
            run.complete()
        assert sum("Points wait in" in text for text in caplog.messages) == 1  # not once each second
        run.log("other", 1)
    assert points_of(local, run) == [0]
    token.renew()
    until(lambda: points_of(local, run) == list(range(200)))
    run.upload_file("report.txt", __file__)
    run.complete()
    assert local.get_run(run.id).status == "Completed"
    assert local.get_run(run.id).get_file_names() == ["report.txt"]


def test_the_first_log_call_of_a_run_does_not_fail(local, token, monkeypatch):
    monkeypatch.setattr(remote, "FRESH_SECONDS", -1.0)  # so that the call asks whether the run is active
    made = Experiment(local, "expired").start_logging(outputs=False, snapshot_directory=None)
    with Workspace.open(token.address) as workspace:
        run = workspace.get_run(made.id)
        token.revoke()
        run.log("point", 1)
        token.renew()
        run.flush()
    assert points_of(local, run) == [1]
    made.complete()


def test_files_are_sent_with_the_new_token(run, token, tmp_path):
    token.revoke()
    with pytest.raises(NotAuthenticated, match="does not accept the token: set the environment variable"):
        run.upload_file("report.txt", __file__)
    token.renew()
    run.upload_file("report.txt", __file__)
    run.download_file("report.txt", str(tmp_path / "copy"))
    assert (tmp_path / "copy").read_text() == Path(__file__).read_text()
    run.complete()
