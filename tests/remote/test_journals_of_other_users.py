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
from bridge.server.identity.database import ServerDatabase
from bridge.server.identity.token_store import TokenStore
from bridge.server.identity.tokens import Grant
from bridge.store import background
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


def token_of(user: str, home: Path) -> str:
    with ServerDatabase(home) as database:
        return str(TokenStore(database).create_token(user, [Grant("writer")])[1])


def test_the_journal_of_another_user_blocks_nothing(local, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(background, "FOLD_SECONDS", 0.1)
    home = tmp_path / "server home"
    with server_site({"demo": local.stores}, home) as site:
        address, ann = f"{site.origin}/w/demo", token_of("ann", home)
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(LEAVES), address],
            env={**os.environ, VARIABLE: ann},
            capture_output=True,
            text=True,
            timeout=60,
        )
        left = local.get_run(done.stdout.strip())
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
