"""Fixtures: workspaces and MLflow's own stores, and MLflow configured to use them."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from deviations import RULES, is_older_than
from forked import Fork

from bridge.journal.file_lock import FileLock
from bridge.store.create import create_store
from bridge.store.workspace_stores import WorkspaceStores

if TYPE_CHECKING:
    from model_journeys import Both
    from pair import Pair

collect_ignore = ["test_forwarding.py"] if is_older_than(RULES) else []  # it needs a newer MLflow


def pytest_configure(config: pytest.Config) -> None:
    """Ignore SQLAlchemy's warnings about MLflow's own SQL models."""
    config.addinivalue_line("filterwarnings", "ignore:The ``noload`` loader strategy:DeprecationWarning")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip tests of all rules on an MLflow older than the release whose rules Runbridge follows."""
    if is_older_than(RULES):
        newer = [item for item in items if item.get_closest_marker("rules")]
        config.hook.pytest_deselected(items=newer)
        items[:] = [item for item in items if item not in newer]


@pytest.fixture(autouse=True)
def no_compiled_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep Python from writing `__pycache__` into the models that tests compare, which are in a folder."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")


@pytest.fixture(scope="session")
def make_workspace() -> Callable[[Path], str]:
    """Return a function that creates a workspace in a folder, and returns its URI."""

    def make(folder: Path) -> str:
        create_store(folder, "tests")
        return f"bridge://{folder}"

    return make


@pytest.fixture
def opened(tmp_path: Path) -> WorkspaceStores:
    """The stores of a new workspace."""
    return create_store(tmp_path / "workspace", "tests")


@pytest.fixture
def uri(opened: WorkspaceStores) -> str:
    """The URI of the new workspace."""
    return f"bridge://{opened.address}"


@pytest.fixture
def pair(
    tmp_path: Path,
    make_mlflow_database: Callable[[Path], str],
    make_workspace: Callable[[Path], str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Pair]:
    """MLflow's own store and ours, both empty."""
    from pair import Pair, without_waiting_for_the_disk

    monkeypatch.chdir(tmp_path)  # relative artifact locations start there
    with without_waiting_for_the_disk():
        yield Pair(make_mlflow_database(tmp_path / "mlflow.db"), make_workspace(tmp_path / "workspace"))


@pytest.fixture(scope="session")
def both(
    tmp_path_factory: pytest.TempPathFactory,
    make_mlflow_database: Callable[[Path], str],
    make_workspace: Callable[[Path], str],
) -> Both:
    """MLflow's own store and ours for journeys with models; both have MLflow's own tables."""
    from model_journeys import Both

    folder = tmp_path_factory.mktemp("models")
    return Both(folder, make_mlflow_database(folder / "mlflow.db"), make_workspace(folder / "workspace"))


@pytest.fixture(scope="session")
def make_mlflow_database(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], str]:
    """Return a function that creates a database with MLflow's own tables at a path, and returns its URI.

    MLflow needs a second for that. So one test process creates a database, and all of them copy it.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    tables = shared / "mlflow_tables.db"

    def make(path: Path) -> str:
        with FileLock(shared / "mlflow_tables.lock"):
            if not tables.exists():
                _create_tables(shared / "mlflow_tables.part")
                (shared / "mlflow_tables.part").rename(tables)
        shutil.copyfile(tables, path)
        return f"sqlite:///{path}"

    return make


def _create_tables(path: Path) -> None:
    import sqlalchemy
    from mlflow.store.db.utils import _initialize_tables

    engine = sqlalchemy.create_engine(f"sqlite:///{path}")
    _initialize_tables(engine)
    engine.dispose()


@pytest.fixture
def fluent(uri: str) -> Iterator[str]:
    """MLflow's fluent interface on a new workspace."""
    import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    try:
        yield uri
    finally:
        while mlflow.active_run():
            mlflow.end_run()
        mlflow.set_tracking_uri(before)
        mlflow.tracking.fluent._active_experiment_id = None
        os.environ.pop("MLFLOW_EXPERIMENT_ID", None)  # set by set_experiment


@pytest.fixture
def fork(fork: Fork) -> Fork:
    """Start children of a process that has imported MLflow, so that none of them has to."""
    import mlflow  # noqa: F401

    return fork
