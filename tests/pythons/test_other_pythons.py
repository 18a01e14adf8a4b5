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

VERSIONS = {"3.10": ["numpy==1.26.*", f"mlflow=={OLDEST}"], "3.12": ["numpy>=2"], "3.13": ["numpy>=2"]}
LONG = int(os.environ.get("RUNBRIDGE_LONG", "1")) > 1
"""Otherwise the oldest Python runs all tests, and the newest all except those of MLflow."""
OLDEST_PYTHON, *_, NEWEST_PYTHON = VERSIONS
CHOSEN = {*VERSIONS} if LONG else {OLDEST_PYTHON, NEWEST_PYTHON}
OTHERS = sorted(CHOSEN - {f"{sys.version_info.major}.{sys.version_info.minor}"})
"""The versions except that of this Python, on which the whole suite runs."""
NEEDED = ["ipython", "matplotlib", "pillow", "pytest-timeout", "pytest-xdist", "tensorboard"]
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
        install = ["nice", folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "install", "-qq"]
        subprocess.run([*install, "--no-compile", "-e", *wanted], check=True)
        ready.write_text(str(wanted), encoding="utf-8")
    return folder / "bin" / "python"


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
