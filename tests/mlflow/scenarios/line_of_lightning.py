"""A model of one weight and its trainers. Importing this module imports Lightning and torch, which takes seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import MLFlowLogger
from torch.utils.data import DataLoader, TensorDataset

from bridge import Run, Workspace


class Line(LightningModule):
    """A model with one weight, and a loss that can be made to fail."""

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


def loader() -> DataLoader[Any]:
    x = torch.arange(32.0).reshape(16, 2) / 32
    return DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), batch_size=4)


def trainer(logger: MLFlowLogger, folder: Path) -> Trainer:
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


def attached(run: Run, ws: Workspace, **changes: Any) -> MLFlowLogger:
    uri = ws.get_mlflow_tracking_uri()
    logger = MLFlowLogger(experiment_name=run.experiment.name, tracking_uri=uri, **changes)
    logger._run_id = run.id
    return logger


class RankedLine(Line):
    """A callback: each rank also logs natively, with the handle that it gets."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run

    def on_train_batch_end(self, *arguments: Any) -> None:
        self.run.log(f"steps of rank {self.global_rank}", self.global_step)
