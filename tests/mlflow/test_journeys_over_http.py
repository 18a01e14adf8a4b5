"""Scripts of unmodified MLflow clients return and store the same on MLflow's server and on ours."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import journeys_artifacts  # noqa: F401  # registers its journeys
import journeys_logging  # noqa: F401
import journeys_runs  # noqa: F401
import journeys_search  # noqa: F401
import pytest
from answers import difference
from deviations import DEVIATIONS
from journeys import JOURNEYS, travel
from werkzeug.serving import make_server

from bridge.server.serve import serve_background
from bridge.store.create import create_store

pytestmark = [
    pytest.mark.rules,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*"),  # warnings of matplotlib, torch and MLflow
]


@pytest.fixture
def addresses(tmp_path: Path, make_mlflow_database: Callable[[Path], str]) -> Iterator[tuple[str, str]]:
    """The addresses of MLflow's server, which runs in a thread, and of ours. Both are new, so that ids are equal."""
    folder = tmp_path / "served"
    folder.mkdir()
    stores = create_store(folder / "workspace", "served")
    with mlflow_application(make_mlflow_database(folder / "mlflow.db"), folder) as theirs:
        with serve_background([stores]) as ours:
            yield theirs, ours.address
    stores.close()


@contextmanager
def mlflow_application(uri: str, folder: Path) -> Iterator[str]:
    """Serve the application of MLflow's server in a thread, and yield its address."""
    import mlflow.server
    from mlflow.server import handlers

    environment = {
        "_MLFLOW_SERVER_FILE_STORE": uri,
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": f"{folder}/artifacts",
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
    }
    with mock.patch.dict(os.environ, environment):
        store = handlers._tracking_store_registry.get_store(uri, "mlflow-artifacts:/")
        with mock.patch.multiple(handlers, _tracking_store=store, _model_registry_store=None, _artifact_repo=None):
            server = make_server("127.0.0.1", 0, mlflow.server.app, threaded=True)
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            yield f"http://127.0.0.1:{server.port}"
            server.shutdown()
            thread.join()
            server.server_close()


@pytest.fixture(autouse=True)
def without_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow's client waits for minutes before it gives up a request that a server cannot answer."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


OF_FILES = ("fluent_files", "fluent_fetching", "fluent_pictures", "fluent_tables", "fluent_threads")
"""Journeys that list files, for which our server loads MLflow's application.

A process has this application only once, and here it serves MLflow's own store.
"""
OTHERS = ("fluent_experiments",)
"""A journey that chooses locations of artifacts, which our server refuses."""
NAMES = [name for name in JOURNEYS if name not in OF_FILES + OTHERS]


def marks_of(name: str) -> tuple[pytest.MarkDecorator, ...]:
    return (pytest.mark.torch,) * (name == "fluent_tensors")


@pytest.mark.parametrize("name", [pytest.param(name, marks=marks_of(name)) for name in NAMES])
def test_both_servers_return_and_store_the_same(name: str, addresses: tuple[str, str], tmp_path: Path) -> None:
    theirs, ours = (
        travel(name, address, tmp_path / place) for address, place in zip(addresses, ("theirs", "ours"), strict=True)
    )
    allowed = DEVIATIONS.get(name, {}).keys() | DEVIATIONS["http"].keys()
    differing = [step for step in {**theirs, **ours} if theirs.get(step) != ours.get(step) and step not in allowed]
    assert differing == [], "\n".join(f"{step}: {difference(theirs.get(step), ours.get(step))}" for step in differing)
