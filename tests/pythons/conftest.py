"""Environments with another Python or MLflow, which are installed while earlier tests run."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import another_mlflow
import pytest
from another_python import OTHERS, environment_of, find_python

_installed: dict[str, Future[Path]] = {}


def pytest_collection_finish(session: pytest.Session) -> None:
    if any(item.get_closest_marker("pythons") for item in session.items) and not session.config.option.collectonly:
        _install()


def _install() -> None:
    """Start installing all of them, two at a time, because pip uses one core."""
    pool = ThreadPoolExecutor(2)
    _installed["mlflow"] = pool.submit(another_mlflow.environment_with, another_mlflow.OLDEST)  # needed first
    for version in OTHERS:
        if python := find_python(version):
            _installed[version] = pool.submit(environment_of, version, python)
    pool.shutdown(wait=False)


@pytest.fixture(scope="session")
def environments() -> Mapping[str, Future[Path]]:
    """The Python of each environment: by version for the other installed Pythons, "mlflow" for the oldest MLflow."""
    return _installed
