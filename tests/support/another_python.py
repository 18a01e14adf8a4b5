"""Environments with the other supported and installed Pythons, also with an old numpy and MLflow, and their tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from another_mlflow import OLDEST, ROOT
from longer import LONG
from rings import files_without_fast_tests

VERSIONS = {"3.10": ["numpy==1.26.*", f"mlflow=={OLDEST}"], "3.12": ["numpy>=2"], "3.13": ["numpy>=2"]}
OLDEST_PYTHON, *_, NEWEST_PYTHON = VERSIONS
CHOSEN = {*VERSIONS} if LONG else {OLDEST_PYTHON, NEWEST_PYTHON}
"""The versions that run tests. Unless `LONG`, each of them runs a share of the tests, and only the oldest runs those
of the MLflow plugin. Tests that depend on the bytecode are in every share."""
OTHERS = sorted(CHOSEN - {f"{sys.version_info.major}.{sys.version_info.minor}"})
"""The versions except that of this Python, on which the whole suite runs."""
# They need torch or a newer MLflow, or test this environment and not a Python.
LEFT_OUT = [
    "tests/architecture",
    "tests/browser",
    "tests/mlflow/test_async.py",
    "tests/mlflow/test_lightning.py",
    "tests/mlflow/served/test_answers_of_mlflow.py",
    "tests/mlflow/test_journeys_over_http.py",
    "tests/mlflow/test_parity_over_http.py",
    "tests/docs",
    "tests/portal/test_javascript.py",
    "tests/portal/test_rules.py",
    "tests/server/test_artifact_locations.py",
    "tests/server/test_requests.py",
    "tests/server/test_roles_of_routes.py",
    "tests/test_import.py",
    "tests/test_wheel.py",
]
NEEDED = ["anywidget", "ipython", "matplotlib", "pillow", "pytest-timeout", "pytest-xdist", "tensorboard"]


def find_python(version: str) -> str | None:
    """Return a working Python of that version, from PATH or pyenv."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    installed = sorted(versions.glob(f"{version}.*/bin/python"), reverse=True)
    for python in (shutil.which(f"python{version}"), *map(str, installed)):
        if python and not subprocess.run([python, "-c", "import ensurepip, sqlite3"], capture_output=True).returncode:
            return python
    return None


def environment_of(version: str, python: str) -> Path:
    """Return the Python of a virtual environment with Runbridge and MLflow, without torch; it is created once."""
    folder = ROOT / ".venv" / "pythons" / version
    ready, wanted = folder / ".ready", [f"{ROOT}[mlflow,testing]", *NEEDED, *VERSIONS[version]]
    if not ready.exists() or ready.read_text(encoding="utf-8") != str(wanted):
        subprocess.run([python, "-m", "venv", "--clear", folder], check=True)
        install: list[str | Path] = ["nice", folder / "bin" / "python", "-m", "pip", "install", "-qq"]
        subprocess.run([*install, "--disable-pip-version-check", "--no-compile", "-e", *wanted], check=True)
        ready.write_text(str(wanted), encoding="utf-8")
    return folder / "bin" / "python"


def fast_suites(version: str) -> list[str | Path]:
    """Return the arguments of pytest for the tests that run with that Python."""
    is_oldest = version == OLDEST_PYTHON
    left_out = LEFT_OUT if LONG or is_oldest else [*LEFT_OUT, "tests/mlflow"]
    share = () if LONG else ("--share", f"{1 if is_oldest else 2}/2")
    chosen = "not (browser or postgres or processes or pythons or slow or torch)"
    ignored = [f"--ignore={ROOT / path}" for path in (*left_out, *files_without_fast_tests())]
    return ["-n", "1", "-m", chosen, *share, *ignored, ROOT / "tests"]  # another suite runs beside it
