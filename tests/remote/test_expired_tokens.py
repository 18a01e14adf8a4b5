"""A token that expires or is revoked during a training stops no log call, and a new one in the file is used."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from server_site import ServerSite, new_token, server_site
from submitting import until

from bridge import Experiment, Run, Workspace
from bridge.errors import NotAuthenticated, StoreUnavailable
from bridge.records.times import now_ms
from bridge.server.identity.database import ServerDatabase
from bridge.server.identity.token_store import TokenStore
from bridge.store import background, remote, retries
from bridge.store.token import FILE_VARIABLE, MLFLOW_VARIABLE, VARIABLE, token_file

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again soon, so that the tests are short."""
    monkeypatch.setattr(background, "FOLD_SECONDS", 0.1)
    monkeypatch.setattr(retries, "LONGEST_PAUSE", 0.3)
    monkeypatch.setattr(remote, "FLUSH_SECONDS", 2.0)


@pytest.fixture
def site(local: Workspace, tmp_path: Path) -> Iterator[ServerSite]:
    with server_site({"demo": local.stores}, tmp_path / "server home") as site:
        yield site


class TokenFile:
    """The file with the token of this process."""

    def __init__(self, site: ServerSite, file: Path) -> None:
        self.site, self.file, self.address = site, file, f"{site.origin}/w/demo"

    def renew(self) -> None:
        """Write a new token into the file."""
        self.file.touch(0o600)
        self.file.write_bytes(token_file(self.address, new_token(self.site.home, "writer")))

    def revoke(self) -> None:
        """Revoke all tokens of the server."""
        with ServerDatabase(self.site.home) as database:
            store = TokenStore(database)
            for token in store.list_tokens():
                store.update_token(token.id, revoked=now_ms())


@pytest.fixture
def token(site: ServerSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TokenFile:
    token = TokenFile(site, tmp_path / "token.json")
    token.renew()
    for variable in (VARIABLE, MLFLOW_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv(FILE_VARIABLE, str(token.file))
    return token


@pytest.fixture
def run(token: TokenFile) -> Iterator[Run]:
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
