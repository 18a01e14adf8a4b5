"""Every example runs, and prints the documented output, with a workspace in a folder and with one on a server."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from both_places import PLACES
from served_workspaces import served

from bridge import Workspace

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
Printed = Callable[[str], list[str]]
pytestmark = pytest.mark.processes


CREATED = 'Workspace.create("examples", exist_ok=True)'


@pytest.fixture(params=PLACES)
def printed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Printed]:
    """Return a function that runs an example, and returns the printed lines. On a server, one line is changed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("BRIDGE_", "MLFLOW_"))}
    environment |= {"BRIDGE_HOME": str(tmp_path / "home"), "MLFLOW_DISABLE_TELEMETRY": "true"}

    def run(example: Path) -> list[str]:
        command = [sys.executable, str(example)]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.splitlines()

    if request.param == "folder":
        yield lambda name: run(EXAMPLES / name)
        return
    Workspace.create("examples", path=tmp_path / "examples").close()
    home = {"BRIDGE_HOME": environment["BRIDGE_HOME"]}
    with served({"examples": tmp_path / "examples"}, tmp_path / "log", environment=home) as server:

        def run_changed(name: str) -> list[str]:
            shutil.copytree((EXAMPLES / name).parent, tmp_path / "example")
            example = tmp_path / "example" / Path(name).name
            text = example.read_text(encoding="utf-8")
            assert text.count(CREATED) == 1
            example.write_text(text.replace(CREATED, f'Workspace.open("{server.address}")'), encoding="utf-8")
            return run(example)

        yield run_changed


def test_a_sweep_trains_in_a_submitted_script(printed: Printed) -> None:
    lines = printed("train_on_local/sweep.py")
    assert "alpha 0.40: mean squared error 3295.71" in lines
    assert lines[-2:] == [
        "Best of 20: alpha 0.40 with mean squared error 3295.71",
        "Registered best_ridge, version 1",
    ]


def test_values_of_every_log_call_are_read(printed: Printed) -> None:
    *lines, page = printed("logging_api/logging_api.py")
    assert page.startswith(("page: runbridge ui ", "page: http://127.0.0.1:"))
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


def test_the_example_of_managing_runs(printed: Printed) -> None:
    lines = printed("manage_runs/manage_runs.py")
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


def test_mlflow_and_lightning_write_to_the_submitted_run(printed: Printed) -> None:
    lines = printed("mlflow_in_a_submitted_run/submit.py")
    assert "the run is Running" in lines
    assert lines[-3:] == [
        "status: Completed",
        "params: {'alpha': '0.4'}",
        "metrics: {'mse': 3295.7, 'train_loss': [1.0, 0.5, 0.3333333333333333], 'verdict': 'good'}",
    ]
