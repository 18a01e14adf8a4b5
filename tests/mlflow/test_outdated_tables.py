"""The advice to upgrade MLflow's own tables of an older MLflow names their file for MLflow's command."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException

from bridge.store.workspace_stores import WorkspaceStores
from bridge_mlflow import companion
from bridge_mlflow.tracking_store import BridgeTrackingStore


def test_the_advice_to_upgrade_names_the_file(
    opened: WorkspaceStores, uri: str, make_mlflow_database: Callable[[Path], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Path(opened.address) / "mlflow.db"
    make_mlflow_database(file)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'earlier'")
    monkeypatch.setattr(companion, "_shared", {})
    store = BridgeTrackingStore(uri)
    run = store.create_run("0", "me", 1, [], "a run")
    assert store.get_run(run.info.run_id).info.run_name == "a run"
    with pytest.raises(MlflowException, match="found version earlier") as refused:
        store.search_datasets(["0"])
    advised = re.search(r"'mlflow db upgrade (.*?)'", refused.value.message)
    assert advised and advised[1] == f"sqlite:///{file}"
