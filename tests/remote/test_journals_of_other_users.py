"""A journal that another user of the server has left in the folder blocks no other journal."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from server_site import server_site
from submitting import until

from bridge import Experiment, Workspace
from bridge.records.run import RunChanges
from bridge.server.identity.database import ServerDatabase
from bridge.server.identity.token_store import TokenStore
from bridge.server.identity.tokens import Grant
from bridge.store import background
from bridge.store.kept_ends import KeptEnds
from bridge.store.remote import RemoteStore
from bridge.store.token import VARIABLE

pytestmark = [pytest.mark.slow, pytest.mark.processes]

LEAVES = """
    import os, sys
    from bridge import Experiment, Workspace
    ws = Workspace.open(sys.argv[1])
    run = Experiment(ws, "shared").start_logging(outputs=False, snapshot_directory=None)
    run.log("point", 1)
    run.flush()
    from bridge.store import background
    background.FOLD_SECONDS = 3600.0
    import time; time.sleep(1.2)
    run.log("point", 2)
    print(run.id, flush=True)
    os._exit(1)
"""


DELIVERS = """
    import os, sys
    from bridge import Experiment, Workspace
    ws = Workspace.open(sys.argv[1])
    run = Experiment(ws, "shared").start_logging(outputs=False, snapshot_directory=None)
    run.log("point", 1)
    run.flush()
    print(run.id, flush=True)
    os._exit(1)
"""


def token_of(user: str, home: Path, experiment: str | None = None) -> str:
    workspace = None if experiment is None else "demo"
    with ServerDatabase(home) as database:
        return str(TokenStore(database).create_token(user, [Grant("writer", workspace, experiment)])[1])


def logs_a_run(workspace: Workspace, experiment: str) -> None:
    """Log and complete runs, which fails if a fold is blocked."""
    for _ in range(2):
        run = Experiment(workspace, experiment).start_logging(outputs=False, snapshot_directory=None)
        run.log("point", 7)
        run.complete()


def run_left_by(code: str, address: str, token: str) -> str:
    """Run a program that ends without its run, and return the id of the run."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), address],
        env={**os.environ, VARIABLE: token},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout, done.stderr
    return done.stdout.strip()


def test_what_other_tokens_have_left_blocks_nothing(local, tmp_path, monkeypatch, caplog):
    """A delivered journal of a killed process of another user, and the end of a run in another experiment."""
    monkeypatch.setattr(background, "FOLD_SECONDS", 0.1)
    home = tmp_path / "server home"
    own = local.stores.tracking.create_experiment("own", 1).id
    with server_site({"demo": local.stores}, home) as site:
        address, ann = f"{site.origin}/w/demo", token_of("ann", home)
        left = local.get_run(run_left_by(DELIVERS, address, ann))
        monkeypatch.setenv(VARIABLE, token_of("bob", home))
        with Workspace.open(address) as workspace:
            logs_a_run(workspace, "shared")
        assert any("of another process is not delivered: Cannot use journal" in text for text in caplog.messages)
        assert left.status == "Running"
        monkeypatch.setenv(VARIABLE, ann)
        with Workspace.open(address):
            until(lambda: left.status == "Failed")

        other = local.get_run(left.id).experiment.start_logging(outputs=False, snapshot_directory=None)
        monkeypatch.setenv(VARIABLE, token_of("ann", home, own))
        with Workspace.open(address) as workspace:
            tracking = workspace.stores.tracking
            assert isinstance(tracking, RemoteStore)
            KeptEnds(tracking._folder, tracking.server).keep("gone", other.id, RunChanges(status="Canceled"))
            logs_a_run(workspace, "own")
        assert any("is not sent: Cannot call update_runs" in text for text in caplog.messages)
        assert other.status == "Running"
        monkeypatch.setenv(VARIABLE, ann)
        with Workspace.open(address):
            until(lambda: other.status == "Canceled")


def test_the_journal_of_another_user_blocks_nothing(local, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(background, "FOLD_SECONDS", 0.1)
    home = tmp_path / "server home"
    with server_site({"demo": local.stores}, home) as site:
        address, ann = f"{site.origin}/w/demo", token_of("ann", home)
        left = local.get_run(run_left_by(LEAVES, address, ann))
        monkeypatch.setenv(VARIABLE, token_of("bob", home))
        with Workspace.open(address) as workspace:
            run = Experiment(workspace, "shared").start_logging(outputs=False, snapshot_directory=None)
            run.log("point", 7)
            run.complete()
        assert local.get_run(run.id).get_metrics() == {"point": 7}
        assert any("of another process is not delivered: Cannot use journal" in text for text in caplog.messages)
        assert left.get_series("point").values.tolist() == [1]
        monkeypatch.setenv(VARIABLE, ann)
        with Workspace.open(address):
            until(lambda: left.get_series("point").values.tolist() == [1, 2])
            until(lambda: left.status == "Failed")
