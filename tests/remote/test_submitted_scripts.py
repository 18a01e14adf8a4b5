"""A submitted script whose server goes away loses neither output nor captured files, and its run ends."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from signal import SIGCONT, SIGSTOP

import pytest
from away_server import AwayServer
from capturing import content
from renewed_token import RenewedToken
from submitting import log_of, queued, until

from bridge import Experiment, ScriptRunConfig, Workspace
from bridge.handles.script_run import ScriptRun

pytestmark = [pytest.mark.slow, pytest.mark.processes]

SCRIPT = """
    import sys, time
    from pathlib import Path
    Path("logs").mkdir()
    Path("logs/train.txt").write_text("one\\n")
    print("before", flush=True)
    while not Path({go!r}).exists():
        time.sleep(0.05)
    print("while away", flush=True)
    with open("logs/train.txt", "a") as log:
        log.write("two\\n")
    Path("outputs/model.bin").write_text("a model" * 100_000)
    sys.exit({code})
"""

LAUNCHER = """
    import sys
    from bridge.launch import launcher
    from bridge.store import remote
    from bridge.store.http import patience
    patience.EXIT_SECONDS, remote.FLUSH_SECONDS, remote.END_SECONDS, remote.OWN_READ_SECONDS = 2.0, 1.0, 1.0, 1.0
    launcher.OUTPUT_SECONDS, open_store = 1.0, launcher.open_store

    def opened(address):
        stores = open_store(address)
        stores.tracking.server.connection.patience_seconds = 1.0
        return stores

    launcher.open_store = opened
    sys.exit(launcher.main(sys.argv[1], sys.argv[2]))
"""
"""The command of a scheduler for a run, with shorter times."""


Queue = Callable[[Workspace, str], ScriptRun]
Step = Callable[[AwayServer], object]


@contextmanager
def launched(run: ScriptRun) -> Iterator[subprocess.Popen[str]]:
    """Start the launcher of a run, and kill it at the end of the block."""
    command = [sys.executable, "-c", textwrap.dedent(LAUNCHER), run.place.stores.address, run.id]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as launcher:
        try:
            yield launcher
        finally:
            launcher.kill()


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Queue:
    """Return a function that creates a run of a script whose launcher is not started yet."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    source = tmp_path / "source"
    source.mkdir()

    def submit(workspace: Workspace, code: str) -> ScriptRun:
        (source / "train.py").write_text(textwrap.dedent(code), encoding="utf-8")
        return Experiment(workspace, "submitted").submit(ScriptRunConfig(source, script="train.py"), show_output=False)

    return lambda workspace, code: queued(partial(submit, workspace), workspace, code)


@pytest.mark.parametrize(
    ("code", "status", "away", "back"),
    [
        (0, "Completed", AwayServer.kill, AwayServer.start),
        (3, "Failed", partial(AwayServer.signal, number=SIGSTOP), partial(AwayServer.signal, number=SIGCONT)),
    ],
    ids=["killed", "stopped"],
)
def test_output_files_and_the_end_of_a_script_wait_while_the_server_is_away(
    server: AwayServer, remote: Workspace, queue: Queue, tmp_path: Path, code: int, status: str, away: Step, back: Step
) -> None:
    go = tmp_path / "go"
    run = queue(remote, SCRIPT.format(go=str(go), code=code))
    with launched(run) as launcher:
        until(lambda: log_of(run) == "before\n" and "logs/train.txt" in run.get_file_names())
        away(server)
        go.touch()
        try:
            errors = launcher.communicate(timeout=60)[1]
        finally:
            back(server)
    assert "captured files or pieces of logs wait in" in errors
    check_delivery(run, status, code)


def check_delivery(run: ScriptRun, status: str, code: int) -> None:
    """Wait until the end of a run is delivered, and check that everything was."""
    run.wait_for_completion(raise_on_error=False)
    assert (run.status, (run.error or {}).get("exitCode"), run.warnings) == (status, code or None, ())
    assert log_of(run) == "before\nwhile away\n"
    assert content(run, "logs/train.txt") == "one\ntwo\n"
    assert content(run, "outputs/model.bin") == "a model" * 100_000


def test_a_token_that_is_revoked_while_a_script_runs_does_not_fail_its_run(
    token: RenewedToken, queue: Queue, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    with Workspace.open(token.address) as workspace:
        run = queue(workspace, SCRIPT.format(go=str(go), code=0))
        with launched(run) as launcher:
            until(lambda: log_of(run) == "before\n" and "logs/train.txt" in run.get_file_names())
            token.revoke()
            go.touch()
            errors = launcher.communicate(timeout=60)[1]
        assert "captured files or pieces of logs wait in" in errors
        token.renew()
        check_delivery(run, "Completed", 0)
