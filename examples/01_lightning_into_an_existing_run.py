"""Train a network with PyTorch Lightning and log to an existing Runbridge run.

The script logs with the native API before and after the training. Lightning's MLFlowLogger logs during the training.
All values end up in the same run.
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer, seed_everything
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import MLFlowLogger
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

from bridge import Experiment, Run, Workspace


class DigitNet(LightningModule):
    """A network for images of 8 by 8 pixels: two convolutions and a linear layer."""

    def __init__(self, channels: int = 16, learning_rate: float = 3e-3) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.layers = nn.Sequential(
            nn.Conv2d(1, channels, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(channels, 2 * channels, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(2 * channels * 4 * 4, 10),
        )

    def training_step(self, batch: list[torch.Tensor], _: int) -> torch.Tensor:
        return self.measured(batch, "train")

    def validation_step(self, batch: list[torch.Tensor], _: int) -> None:
        self.measured(batch, "val")

    def test_step(self, batch: list[torch.Tensor], _: int) -> None:
        self.measured(batch, "test")

    def measured(self, batch: list[torch.Tensor], stage: str) -> torch.Tensor:
        """Log the loss and accuracy of a batch, and return the loss."""
        images, digits = batch
        scores = self.layers(images)
        loss = nn.functional.cross_entropy(scores, digits)
        accuracy = (scores.argmax(dim=1) == digits).float().mean()
        self.log_dict({f"{stage}_loss": loss, f"{stage}_accuracy": accuracy}, prog_bar=stage == "val")
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=self.hparams["learning_rate"])


def digit_loaders() -> list[DataLoader[Any]]:
    """Return loaders of scikit-learn's 1,797 digits, split into training, validation and test data."""
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    parts = random_split(TensorDataset(images, torch.tensor(digits.target)), [0.7, 0.15, 0.15])
    return [DataLoader(part, batch_size=64, shuffle=number == 0) for number, part in enumerate(parts)]


def train(logger: MLFlowLogger, epochs: int, scratch: str) -> float:
    """Train and test the network, and return the test accuracy."""
    train_loader, val_loader, test_loader = digit_loaders()
    trainer = Trainer(
        logger=logger,
        max_epochs=epochs,
        accelerator="cpu",
        callbacks=[ModelCheckpoint(monitor="val_loss")],
        default_root_dir=scratch,
        log_every_n_steps=5,
        enable_model_summary=False,
    )
    model = DigitNet()
    trainer.fit(model, train_loader, val_loader)
    trainer.test(model, test_loader, verbose=False)
    return float(trainer.callback_metrics["test_accuracy"])


def quiet() -> None:
    """Hide messages of Lightning, torch and MLflow that appear at every start and need no action."""
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*LeafSpec.*")
    for name in ("pytorch_lightning", "lightning_fabric", "lightning.pytorch", "mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)


def show(run: Run) -> None:
    """Print the metrics, params and files of the run."""
    print(f"\nRun {run.number} of experiment {run.experiment.name!r}, {run.display_name!r}, is {run.get_status()}.")
    for key, value in run.get_metrics().items():
        points = value if isinstance(value, list) else [value]
        last = f"{points[-1]:.4f}" if isinstance(points[-1], float) else str(points[-1])
        print(f"  metric   {key:<18} {len(points):>4} point{'s' * (len(points) != 1):<1}   last {last}")
    for key, value in run.params.items():
        print(f"  param    {key:<18} {value}")
    for name in run.get_file_names():
        print(f"  artifact {name}")


def command(name: str) -> str:
    """Return a command of this environment: its name, or its path if the environment is not active."""
    return name if shutil.which(name) else os.path.relpath(Path(sys.executable).with_name(name))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--path", default="./demo", help="folder of the workspace, created if it does not exist (default: ./demo)"
    )
    parser.add_argument("--epochs", type=int, default=5, help="number of passes over the training data (default: 5)")
    arguments = parser.parse_args()
    quiet()
    seed_everything(1, verbose=False)

    ws = Workspace.create("demo", path=arguments.path, exist_ok=True)
    run = Experiment(ws, "digits").start_logging(display_name="cnn")
    run.log("note", "before the trainer")

    logger = MLFlowLogger(
        experiment_name=run.experiment.name, tracking_uri=ws.get_mlflow_tracking_uri(), log_model=True
    )
    logger._run_id = run.id
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        accuracy = train(logger, arguments.epochs, scratch)

    run.log("verdict_accuracy", accuracy)
    run.complete()
    show(run)
    print(f"\nTrained in {time.monotonic() - began:.0f} s; everything is in {Path(arguments.path).resolve()}.")
    print("Look at it in MLflow's UI, or on its page in a browser:\n")
    print(f"  {command('mlflow')} ui --backend-store-uri {ws.get_mlflow_tracking_uri()}")
    print(f"  {command('runbridge')} ui {arguments.path} --page runs/{run.id}\n")


if __name__ == "__main__":
    main()
