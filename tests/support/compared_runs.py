"""The workspace on which our page and MLflow's UI are compared: 362 runs, as of a small team."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from portal_site import start

from bridge import Experiment, Run, ScriptRunConfig, Workspace

GOOD, FAILED, PICTURED = 60, 300, 5
FAILING = """
from bridge import Run

run = Run.get_context()
for step in range(20):
    run.log("train/loss", 2.0 + 0.1 * step)
    print(f"step {step}  loss {2.0 + 0.1 * step:.2f}")
batches = {"train": 120}
print(batches["validation"])
"""


def fill_compared(workspace: Workspace, folder: Path, failed: int = FAILED) -> dict[str, str]:
    """Write the runs, and return ids by name.

    `best` and `second` are the names of the two best runs. `failing` is a script that fails with a KeyError, and
    `running` is a run that stays open.
    """
    vision = Experiment(workspace, "vision")
    vision.tag("mlflow.note.content", "Which learning rate works for the small networks?")
    generator = np.random.default_rng(3)
    ids = {"experiment": vision.id}
    for number in range(failed):
        run = start(vision, f"crashed-{number}")
        run.log_params({"lr": 1.0, "optimizer": "sgd", "depth": 2 + number % 6, "batch_size": 512})
        run.log("train/loss", 9.0)
        run.fail("CUDA out of memory")
    losses = {}
    for number in range(GOOD):
        rate = float(f"{10 ** generator.uniform(-4, -1):.2g}")
        run = start(vision, f"net-{number}")
        optimizer = ("adamw", "sgd", "lion")[number % 3]
        run.log_params(
            {"lr": rate, "optimizer": optimizer, "depth": 2 + number % 6, "batch_size": 2 ** (4 + number % 4)}
        )
        level = 0.1 + 0.15 * abs(np.log10(rate) + 2.7) + 0.05 * generator.random()
        steps = np.arange(60)
        for part, more in (("train", 0.8), ("val", 1.0)):
            values = more * (level + np.exp(-steps / 9) + 0.02 * generator.random(60))
            run.log_series(f"{part}/loss", values.tolist(), steps=steps.tolist())
        losses[run.display_name] = float(values[-1])
        run.log_series("val/accuracy", (1 - values / 3).tolist(), steps=steps.tolist())
        if number >= GOOD - PICTURED:
            _log_pictures(run, folder, generator)
            ids[f"pictured{number - GOOD + PICTURED}"] = run.id
        run.complete()
    ids["best"], ids["second"] = sorted(losses, key=losses.__getitem__)[:2]
    ids["failing"] = _failing(vision, folder)
    running = start(vision, "long-training")
    running.log_params({"lr": 0.003, "optimizer": "adamw", "depth": 4, "batch_size": 64})
    running.log("train/loss", 2.0, step=0)
    ids["running"] = running.id
    return ids


def _log_pictures(run: Run, folder: Path, generator: np.random.Generator) -> None:
    """Log pictures at three steps, at both APIs."""
    from mlflow import MlflowClient
    from PIL import Image

    client = MlflowClient(run.experiment.workspace.get_mlflow_tracking_uri())
    for step in range(3):
        y, x = np.mgrid[0:96, 0:128]
        wave = 127 + 120 * np.sin(x / (6 + step * 5) + generator.random()) * np.cos(y / (8 + step * 5))
        pixels = np.stack([wave, wave[::-1], 255 - wave], axis=-1).astype(np.uint8)
        picture = folder / f"{run.id}-{step}.png"
        Image.fromarray(pixels).save(picture)
        run.log_image("sample", path=str(picture))
        client.log_image(run.id, pixels, key="sample", step=step)


def _failing(experiment: Experiment, folder: Path) -> str:
    source = folder / "source"
    source.mkdir()
    (source / "train.py").write_text(FAILING, encoding="utf-8")
    (source / "README.md").write_text("# Training\n", encoding="utf-8")
    run = experiment.submit(ScriptRunConfig(str(source), "train.py", arguments=["--lr", "0.1"]))
    run.wait_for_completion(raise_on_error=False)
    run.display_name = "broken-script"
    return run.id


@contextmanager
def logging_points(run: Run, key: str = "train/loss", seconds: float = 1.0) -> Iterator[None]:
    """Log a point of a run each second, until the block ends."""
    stop = threading.Event()

    begun = int(run.get_series(key).steps[-1])

    def write() -> None:
        step = 0
        while not stop.wait(seconds):
            step += 1
            run.log(key, round(3 + 0.011 * (step + begun), 3), step=begun + step)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
