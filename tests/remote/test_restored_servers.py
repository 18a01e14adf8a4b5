"""A server whose workspace was restored from a backup gets the points again that the backup lacks."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from away_server import AwayServer
from submitting import until

from bridge import Experiment, Run, Workspace
from bridge.store import background, fold, known_receipts, retries

pytestmark = [pytest.mark.slow, pytest.mark.processes]


@pytest.mark.parametrize("logs_more", [True, False])
def test_points_after_a_backup_are_delivered_again(tmp_path: Path, monkeypatch, logs_more: bool) -> None:
    for module, name in (
        (background, "FOLD_SECONDS"),
        (fold, "SWEEP_SECONDS"),
        (known_receipts, "KNOWN_SECONDS"),
        (retries, "LONGEST_PAUSE"),
    ):
        monkeypatch.setattr(module, name, 0.2)
    folder, backup = tmp_path / "demo", tmp_path / "backup"
    Workspace.create("demo", path=folder).close()
    with AwayServer(folder, tmp_path / "log") as server, Workspace.open(server.address) as workspace:
        run = Experiment(workspace, "restored").start_logging(outputs=False, snapshot_directory=None)
        log(run, 0, 100)
        server.end()
        shutil.copytree(folder, backup)
        server.start()
        log(run, 100, 200)
        server.end()
        shutil.rmtree(folder)
        shutil.copytree(backup, folder)
        server.start()
        count = 200 + logs_more
        if logs_more:
            run.log("point", 200)
        until(lambda: run.get_series("point").values.tolist() == list(range(count)))
        run.complete()
        assert run.get_series("point").values.tolist() == list(range(count))


def log(run: Run, start: int, end: int) -> None:
    for number in range(start, end):
        run.log("point", number)
    run.flush()
