"""A workspace in which the subcommands are tried."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_workspace import DIGITS, LOG, SCRIPT

from bridge import Experiment, Workspace
from bridge.records.times import now_ms


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A workspace in the working folder: the experiment `digits` with three runs, of which one is running.

    A fourth run was deleted. The working folder also contains a script and a file.
    """
    with Workspace.create("trials", path=tmp_path / "trials") as workspace:
        monkeypatch.chdir(workspace.path)
        (workspace.path / "train.py").write_text(SCRIPT)
        (workspace.path / "results.csv").write_text("a,b\n1,2\n")
        experiment = Experiment(workspace, DIGITS)
        for number, name in enumerate(("brave-fox", "calm-owl")):
            run = experiment.start_logging(display_name=name, snapshot_directory=None)
            run.log_params({"learning_rate": 0.1 / (number + 1), "model": "cnn"})
            run.set_tags({"team": "vision"})
            for step in range(30):
                run.log("loss", 1 / (step + 1 + number), step=step)
            run.log("Category", "Red")
            run.upload_file("outputs/model.bin", __file__)
            run.upload_file("user_logs/std_log.txt", io.BytesIO(LOG))
            run.complete() if number == 0 else run.fail("The disk is full.", "DiskFull")
        deleted = experiment.start_logging(display_name="old-yak", snapshot_directory=None)
        deleted.upload_file("outputs/old.bin", __file__)
        deleted.complete()
        workspace.stores.tracking.delete_runs([deleted.id], now_ms())
        running = experiment.start_logging(display_name="quick-elk", snapshot_directory=None)
        running.log("loss", 0.5)
        running.flush()
        yield workspace
        if running.status == "Running":
            running.complete()
