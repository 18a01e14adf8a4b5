"""Suites with another Python or MLflow, which run in the background while other tests wait."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from another_mlflow import OLDEST, TOGETHER, environment_with, run_tests
from another_python import OLDEST_PYTHON, OTHERS, environment_of, fast_suites, find_python

CORE = ("tests/mlflow/test_parity.py", "tests/mlflow/test_registry.py")
SLOW = ("-n", "2", "--dist", "worksteal", "-m", "slow")

_again = False
"""Whether pytest runs only tests that have failed. The suites then also run only the tests that failed in them."""

_suites: dict[str, Future[subprocess.CompletedProcess[str]]] = {}


def pytest_collection_finish(session: pytest.Session) -> None:
    """Install the environments of the collected tests and run their suites, two at a time."""
    global _again
    _again = bool(session.config.getoption("lf", False))  # the option is absent without the plugin of the cache
    wanted = {marker.args[0] for item in session.items for marker in item.iter_markers("pythons")}
    if wanted and not session.config.option.collectonly:
        pool = ThreadPoolExecutor(2)
        for version in OTHERS:  # first, because their suites take longest
            if version in wanted and (python := find_python(version)):
                _suites[version] = pool.submit(_run_on_python, version, python)
        if "mlflow" in wanted:
            _suites["mlflow"] = pool.submit(_run_on_the_oldest_mlflow)
        pool.shutdown(wait=False)


def _run_on_python(version: str, python: str) -> subprocess.CompletedProcess[str]:
    return _run(environment_of(version, python), version, *fast_suites(version))


def _run(python: Path, name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return run_tests(python, *arguments, in_background=True, cache=f"of-{name}", again=_again)


def _run_on_the_oldest_mlflow() -> subprocess.CompletedProcess[str]:
    """Run the core on the oldest MLflow: what the suite of the oldest Python left, or all if that Python is missing."""
    suite, oldest = _suites.get(OLDEST_PYTHON), find_python(OLDEST_PYTHON)
    if suite:
        suite.result()  # it creates the environment, and runs the fast tests of the core
    if oldest and (suite or _again):
        python, arguments = environment_of(OLDEST_PYTHON, oldest), SLOW
    else:
        python, arguments = environment_with(OLDEST), TOGETHER
    found = subprocess.run([python, "-m", "mlflow", "--version"], capture_output=True, text=True, check=True)
    assert found.stdout.split()[-1].startswith(OLDEST)
    return _run(python, "mlflow", *arguments, *CORE)


@pytest.fixture
def passes() -> Callable[[str], None]:
    """Return a function that waits until the suite with a Python version or with "mlflow" has passed."""

    def passes(name: str) -> None:
        if name not in _suites:
            pytest.skip(f"there is no Python {name} here")
        done = _suites[name].result()
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]

    return passes
