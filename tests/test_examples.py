"""Every example runs unchanged, and prints the documented output."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
pytestmark = pytest.mark.processes


def printed(example: str, folder: Path) -> list[str]:
    """Return the lines that an example prints in an empty folder, with an empty `$BRIDGE_HOME`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("BRIDGE_", "MLFLOW_"))}
    environment |= {"BRIDGE_HOME": str(folder / "home"), "MLFLOW_DISABLE_TELEMETRY": "true"}
    done = subprocess.run(
        [sys.executable, EXAMPLES / example], cwd=folder, env=environment, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_a_sweep_trains_in_a_submitted_script(tmp_path: Path) -> None:
    lines = printed("train_on_local/sweep.py", tmp_path)
    assert "alpha 0.40: mean squared error 3295.71" in lines
    assert lines[-2:] == [
        "Best of 20: alpha 0.40 with mean squared error 3295.71",
        "Registered best_ridge, version 1",
    ]


def test_values_of_every_log_call_are_read(tmp_path: Path) -> None:
    *lines, page = printed("logging_api/logging_api.py", tmp_path)
    assert page.startswith("page: runbridge ui ")
    assert lines == [
        "Completed red 42 89",
        "params: {'optimizer': 'adam', 'learning rate': '0.1'}",
        "loss: [1.0, 0.5, 0.3333333333333333]",
        "gradient norm: last step 9990",
        "sigmoid: 20 points",
        "cosine: {'angle': 20, 'cos': 20}",
        "sine: {'angle': 20, 'sine': 20}",
        "files: 3",
        "tags: {'favourite': None}",
    ]


def test_the_example_of_managing_runs(tmp_path: Path) -> None:
    lines = printed("manage_runs/manage_runs.py", tmp_path)
    refused = lines.pop(4)
    assert refused.startswith("refused: ")
    assert "author" in refused
    assert lines == [
        "interactive: Running",
        "interactive: Completed",
        "script: Completed {'message': 'hello'}",
        "log: hello from the script",
        "found: True",
        "children: [0, 1, 2, 3, 4]",
        "slow: Canceled",
        "snapshot: .zip",
    ]


def test_mlflow_and_lightning_write_to_the_submitted_run(tmp_path: Path) -> None:
    lines = printed("mlflow_in_a_submitted_run/submit.py", tmp_path)
    assert "the run is Running" in lines
    assert lines[-3:] == [
        "status: Completed",
        "params: {'alpha': '0.4'}",
        "metrics: {'mse': 3295.7, 'train_loss': [1.0, 0.5, 0.3333333333333333], 'verdict': 'good'}",
    ]
