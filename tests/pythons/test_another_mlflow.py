"""The MLflow API works on the oldest supported release, and `make test-mlflow` runs the tests on another one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import another_mlflow
import pytest


@pytest.mark.pythons("mlflow")
@pytest.mark.timeout(1800)
def test_the_core_works_on_the_oldest_mlflow(passes: Callable[[str], None]) -> None:
    passes("mlflow")


def test_without_a_version_the_command_names_the_argument() -> None:
    done = subprocess.run([sys.executable, another_mlflow.__file__, ""], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "Say which MLflow: make test-mlflow VERSION=3.10.1, or VERSION=newest.\n"
