"""A Lightning training writes into a native run that exists: one run, and both doors read all of it."""

from __future__ import annotations

import math
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import torch
from mlflow import MlflowClient
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import MLFlowLogger
from torch.utils.data import DataLoader, TensorDataset

from bridge import Experiment, Run, Workspace

pytestmark = pytest.mark.filterwarnings("ignore:.*")  # Lightning's and torch's own
METRICS = {"train_loss", "val_loss", "test_loss", "epoch"}


class Line(LightningModule):
    """One weight, and a loss that can be told to fail."""

    def __init__(self, learning_rate: float = 0.1, width: int = 2, fail_at: int | None = None) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(width, 1)

    def training_step(self, batch: Any, index: int) -> torch.Tensor:
        if self.global_step == self.hparams["fail_at"]:
            raise RuntimeError("out of memory")
        return self._measured(batch, "train")

    def validation_step(self, batch: Any, index: int) -> None:
        self._measured(batch, "val")

    def test_step(self, batch: Any, index: int) -> None:
        self._measured(batch, "test")

    def _measured(self, batch: Any, stage: str) -> torch.Tensor:
        x, y = batch
        loss = torch.nn.functional.mse_loss(self.layer(x), y)
        self.log(f"{stage}_loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=self.hparams["learning_rate"])


def _loader() -> DataLoader[Any]:
    x = torch.arange(32.0).reshape(16, 2) / 32
    return DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), batch_size=4)


def _trainer(logger: MLFlowLogger, folder: Path) -> Trainer:
    checkpoint = ModelCheckpoint(monitor="val_loss", filename="{epoch}-{val_loss:.3f}", save_top_k=1)
    return Trainer(
        logger=logger,
        max_epochs=2,
        accelerator="cpu",
        callbacks=[checkpoint],
        default_root_dir=str(folder),
        log_every_n_steps=1,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def _attached(run: Run, ws: Workspace, **changes: Any) -> MLFlowLogger:
    uri = ws.get_mlflow_tracking_uri()
    logger = MLFlowLogger(experiment_name=run.experiment.name, tracking_uri=uri, **changes)
    logger._run_id = run.id
    return logger


def test_the_flow_of_the_article(tmp_path: Path) -> None:
    ws = Workspace.create("demo", path=tmp_path / "my ws")
    run = Experiment(ws, "digits").start_logging(display_name="line")
    run.log("note", "before the trainer")
    run.log("early", 1)
    logger = _attached(run, ws, log_model=True)
    trainer, model = _trainer(logger, tmp_path), Line()
    trainer.fit(model, _loader(), _loader())
    trainer.test(model, _loader(), verbose=False)
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
    assert math.isfinite(torch.load(local, weights_only=False)["state_dict"]["layer.bias"].item())


def test_all_checkpoints_are_kept_when_asked(tmp_path: Path) -> None:
    ws = Workspace.create("demo", path=tmp_path / "ws")
    run = Experiment(ws, "digits").start_logging()
    _trainer(_attached(run, ws, log_model="all"), tmp_path).fit(Line(), _loader(), _loader())
    kept = [name for name in run.get_file_names() if name.endswith(".ckpt")]
    assert [name.partition("-")[0] for name in kept] == ["epoch=0", "epoch=1"]  # the best of both is epoch 1


def test_a_training_that_fails_ends_the_run_as_failed(tmp_path: Path) -> None:
    ws = Workspace.create("demo", path=tmp_path / "ws")
    run = Experiment(ws, "digits").start_logging()
    with pytest.raises(RuntimeError, match="out of memory"):
        _trainer(_attached(run, ws), tmp_path).fit(Line(fail_at=3), _loader())
    assert run.get_status() == "Failed"
    assert len(run.get_metrics()["train_loss"]) == 3


class RankedLine(Line):
    """Each rank also logs natively, with the handle that it was given."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run

    def on_train_batch_end(self, *arguments: Any) -> None:
        self.run.log(f"steps of rank {self.global_rank}", self.global_step)


@pytest.mark.processes
def test_two_spawned_ranks_write_into_one_run(tmp_path: Path) -> None:
    ws = Workspace.create("demo", path=tmp_path / "ws")
    run = Experiment(ws, "digits").start_logging()
    run.log("early", 1)
    trainer = Trainer(
        logger=_attached(run, ws, log_model=True),
        max_epochs=2,
        accelerator="cpu",
        devices=2,
        strategy="ddp_spawn",
        default_root_dir=str(tmp_path),
        log_every_n_steps=1,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(RankedLine(run), _loader())
    assert run.status == "Completed"
    run.log("late", 2)
    run.complete()

    found = run.get_metrics()
    assert (found["early"], found["late"]) == (1, 2)
    assert len(found["train_loss"]) == 4  # rank 0 logs for both
    assert found["steps of rank 0"] == found["steps of rank 1"] == [1, 2, 3, 4]
    assert [one.id for one in run.experiment.get_runs(include_children=True)] == [run.id]
    assert [name for name in run.get_file_names() if name.endswith(".ckpt")] == ["epoch=1-step=4/epoch=1-step=4.ckpt"]


def test_a_logger_without_a_run_makes_one_that_is_read_natively(tmp_path: Path) -> None:
    ws = Workspace.create("demo", path=tmp_path / "ws")
    uri = ws.get_mlflow_tracking_uri()
    logger = MLFlowLogger("fresh", run_name="by lightning", tracking_uri=uri, tags={"team": "vision"})
    _trainer(logger, tmp_path).fit(Line(), _loader(), _loader())
    (run,) = ws.experiments["fresh"].get_runs()
    assert run.display_name == "by lightning"
    assert run.get_tags() == {"team": "vision"}
    assert run.get_status() == "Completed"


def test_an_asynchronous_logger_loses_nothing_when_the_process_is_killed(tmp_path: Path) -> None:
    ws = Workspace.create("demo", path=tmp_path / "ws")
    run = Experiment(ws, "digits").start_logging()
    code = f"""
        import os, signal
        from pytorch_lightning.loggers import MLFlowLogger
        logger = MLFlowLogger(run_id={run.id!r}, tracking_uri={ws.get_mlflow_tracking_uri()!r}, synchronous=False)
        for step in range(200):
            logger.log_metrics({{"loss": step / 2}}, step)
        os.kill(os.getpid(), signal.SIGKILL)
        """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True)
    assert done.returncode == -9, done.stderr
    assert run.get_metrics()["loss"] == [step / 2 for step in range(200)]
