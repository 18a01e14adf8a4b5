"""The MLflow API works on the oldest supported release, and `make test-mlflow` runs the tests on another one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path

import another_mlflow
import pytest

CORE = ("test_parity.py", "test_registry.py")


@pytest.mark.pythons
def test_the_core_works_on_the_oldest_mlflow(environments: Mapping[str, Future[Path]]) -> None:
    python = environments["mlflow"].result()
    found = subprocess.run([python, "-m", "mlflow", "--version"], capture_output=True, text=True, check=True)
    assert found.stdout.split()[-1].startswith(another_mlflow.OLDEST)
    core = [f"tests/mlflow/{file}" for file in CORE]
    assert another_mlflow.run_tests(python, *another_mlflow.TOGETHER, *core) == 0


def test_without_a_version_the_command_names_the_argument() -> None:
    done = subprocess.run([sys.executable, another_mlflow.__file__, ""], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "Say which MLflow: make test-mlflow VERSION=3.10.1, or VERSION=newest.\n"
