"""Both APIs work on every supported and installed Python, also with an old numpy and MLflow."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path

import pytest
from another_mlflow import ROOT
from another_python import LONG, OLDEST_PYTHON, OTHERS

LONGER = "browser or postgres or processes or pythons or slow or torch"
# These need torch, or test this environment and not a Python.
LEFT_OUT = [
    "tests/architecture",
    "tests/browser",
    "tests/mlflow/test_async.py",
    "tests/mlflow/test_lightning.py",
    "tests/docs",
    "tests/examples",
    "tests/test_import.py",
    "tests/test_wheel.py",
]


@pytest.mark.pythons
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("version", OTHERS)
def test_the_fast_suites_pass(version: str, environments: Mapping[str, Future[Path]]) -> None:
    if version not in environments:
        pytest.skip(f"there is no Python {version} here")
    python = environments[version].result()
    shortened = [] if LONG or version == OLDEST_PYTHON else ["tests/mlflow"]
    left_out = [f"--ignore={ROOT / path}" for path in (*LEFT_OUT, *shortened)]
    command: list[str | Path] = [
        python,
        "-m",
        "pytest",
        "-q",
        "-n",
        "2",
        "--dist",
        "worksteal",
        "-p",
        "no:cacheprovider",
    ]
    environment = {**os.environ, "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}
    environment.pop("PYTEST_XDIST_WORKER", None)
    done = subprocess.run(
        [*command, "-m", f"not ({LONGER})", *left_out, str(ROOT / "tests")],
        cwd=ROOT, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
