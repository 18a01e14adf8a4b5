"""A Lightning training writes to an existing native run, and both APIs read all of it."""

from __future__ import annotations

import importlib
import math
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from forked import Fork
from mlflow import MlflowClient

from bridge import Experiment, Workspace
from bridge.server.serve import serve_background
from bridge.store.open import open_store

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore:.*")]  # warnings of Lightning and torch
METRICS = {"train_loss", "val_loss", "test_loss", "epoch"}


@pytest.fixture(scope="module")
def line() -> Any:
    """Import the module with the model when a test runs, so that collecting tests does not import torch."""
    return importlib.import_module("line_of_lightning")


def test_the_flow_of_the_article(tmp_path: Path, line: Any) -> None:
    ws = Workspace.create("demo", path=tmp_path / "my ws")
    run = Experiment(ws, "digits").start_logging(display_name="line")
    run.log("note", "before the trainer")
    run.log("early", 1)
    logger = line.attached(run, ws, log_model=True)
    trainer, model = line.trainer(logger, tmp_path), line.Line()
    trainer.fit(model, line.loader(), line.loader())
    trainer.test(model, line.loader(), verbose=False)
    assert run.get_status() == "Completed"  # by the logger's finalize
    run.log("verdict_accuracy", 0.5)
    run.complete()

    found = run.get_metrics()
    assert found["note"] == "before the trainer"
    assert found["early"] == 1
    assert found["verdict_accuracy"] == 0.5
    assert METRICS <= set(found)
    assert len(found["train_loss"]) == 8
    assert len(found["val_loss"]) == 2
    assert run.get_series("train_loss").steps.tolist() == list(range(8))
    assert run.params == {"learning_rate": "0.1", "width": "2", "fail_at": "None"}
    assert run.get_status() == "Completed"
    assert run.display_name == "line"
    files = run.get_file_names()
    folder = next(name for name in files if name.endswith("metadata.yaml")).rpartition("/")[0]
    assert "epoch=" in folder and "val_loss=" in folder
    stem = folder.rpartition("/")[2]
    assert {f"{folder}/{stem}.ckpt", f"{folder}/metadata.yaml", f"{folder}/aliases.txt"} <= set(files)
    run.download_file(f"{folder}/{stem}.ckpt", tmp_path / "native.ckpt")

    client = MlflowClient(ws.get_mlflow_tracking_uri())
    seen = client.get_run(run.id)
    assert seen.info.status == "FINISHED"
    assert seen.info.run_name == "line"
    assert seen.info.end_time >= seen.info.start_time
    assert seen.data.params == run.params
    assert seen.data.tags["note"] == "before the trainer"
    assert seen.data.metrics["early"] == 1.0
    assert seen.data.metrics["verdict_accuracy"] == 0.5
    assert METRICS <= set(seen.data.metrics)
    points = client.get_metric_history(run.id, "train_loss")
    assert [point.step for point in points] == list(range(8))
    assert [point.value for point in points] == found["train_loss"]
    listed = {one.path: one.file_size for one in client.list_artifacts(run.id, folder)}
    assert set(listed) == {f"{folder}/{stem}.ckpt", f"{folder}/metadata.yaml", f"{folder}/aliases.txt"}
    local = Path(client.download_artifacts(run.id, f"{folder}/{stem}.ckpt", str(tmp_path)))
    assert local.read_bytes() == (tmp_path / "native.ckpt").read_bytes()
    assert len(local.read_bytes()) == listed[f"{folder}/{stem}.ckpt"]
    assert math.isfinite(line.torch.load(local, weights_only=False)["state_dict"]["layer.bias"].item())


def test_all_checkpoints_are_stored_on_request(tmp_path: Path, line: Any) -> None:
    ws = Workspace.create("demo", path=tmp_path / "ws")
    run = Experiment(ws, "digits").start_logging()
    line.trainer(line.attached(run, ws, log_model="all"), tmp_path).fit(line.Line(), line.loader(), line.loader())
    kept = [name for name in run.get_file_names() if name.endswith(".ckpt")]
    assert [name.partition("-")[0] for name in kept] == ["epoch=0", "epoch=1"]  # the better of the two is epoch 1


def test_a_training_that_fails_ends_the_run_as_failed(tmp_path: Path, line: Any) -> None:
    ws = Workspace.create("demo", path=tmp_path / "ws")
    run = Experiment(ws, "digits").start_logging()
    with pytest.raises(RuntimeError, match="out of memory"):
        line.trainer(line.attached(run, ws), tmp_path).fit(line.Line(fail_at=3), line.loader())
    assert run.get_status() == "Failed"
    assert len(run.get_metrics()["train_loss"]) == 3


@pytest.mark.processes
def test_two_spawned_ranks_write_to_one_run(tmp_path: Path, line: Any) -> None:
    ws = Workspace.create("demo", path=tmp_path / "ws")
    run = Experiment(ws, "digits").start_logging()
    run.log("early", 1)
    trainer = line.Trainer(
        logger=line.attached(run, ws, log_model=True),
        max_epochs=2,
        accelerator="cpu",
        devices=2,
        strategy="ddp_spawn",
        default_root_dir=str(tmp_path),
        log_every_n_steps=1,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(line.RankedLine(run), line.loader())
    assert run.status == "Completed"
    run.log("late", 2)
    run.complete()

    found = run.get_metrics()
    assert (found["early"], found["late"]) == (1, 2)
    assert len(found["train_loss"]) == 4  # rank 0 logs for both
    assert found["steps of rank 0"] == found["steps of rank 1"] == [1, 2, 3, 4]
    assert [one.id for one in run.experiment.get_runs(include_children=True)] == [run.id]
    assert [name for name in run.get_file_names() if name.endswith(".ckpt")] == ["epoch=1-step=4/epoch=1-step=4.ckpt"]


def test_a_logger_without_a_run_creates_one_that_can_be_read_natively(tmp_path: Path, line: Any) -> None:
    ws = Workspace.create("demo", path=tmp_path / "ws")
    uri = ws.get_mlflow_tracking_uri()
    logger = line.MLFlowLogger("fresh", run_name="by lightning", tracking_uri=uri, tags={"team": "vision"})
    line.trainer(logger, tmp_path).fit(line.Line(), line.loader(), line.loader())
    (run,) = ws.experiments["fresh"].get_runs()
    assert run.display_name == "by lightning"
    assert run.get_tags() == {"team": "vision"}
    assert run.get_status() == "Completed"


def test_a_logger_of_a_server_writes_what_the_native_api_reads(tmp_path: Path, line: Any) -> None:
    ws = Workspace.create("demo", path=tmp_path / "ws")
    with serve_background([open_store(tmp_path / "ws")]) as server:
        logger = line.MLFlowLogger("remote", "by lightning", server.address, {"team": "vision"}, log_model=True)
        trainer, model = line.trainer(logger, tmp_path), line.Line()
        trainer.fit(model, line.loader(), line.loader())
        trainer.test(model, line.loader(), verbose=False)
    (run,) = ws.experiments["remote"].get_runs()
    assert run.display_name == "by lightning"
    assert run.get_tags() == {"team": "vision"}
    assert run.get_status() == "Completed"
    assert run.params == {"learning_rate": "0.1", "width": "2", "fail_at": "None"}
    found = run.get_metrics()
    assert METRICS <= set(found)
    assert len(found["train_loss"]) == 8 and len(found["val_loss"]) == 2
    assert any(name.endswith(".ckpt") for name in run.get_file_names())


def test_an_asynchronous_logger_loses_nothing_when_the_process_is_killed(tmp_path: Path, line: Any, fork: Fork) -> None:
    ws = Workspace.create("demo", path=tmp_path / "ws")
    run = Experiment(ws, "digits").start_logging()
    uri = ws.get_mlflow_tracking_uri()

    def log(say: Callable[[str], None]) -> None:
        logger = line.MLFlowLogger(run_id=run.id, tracking_uri=uri, synchronous=False)
        for step in range(200):
            logger.log_metrics({"loss": step / 2}, step)
        os.kill(os.getpid(), signal.SIGKILL)

    assert fork(log).wait() == -signal.SIGKILL
    assert run.get_metrics()["loss"] == [step / 2 for step in range(200)]
