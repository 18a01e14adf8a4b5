"""MLflow's own store and ours answer the same script equally, except for the listed differences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import parity_metrics  # noqa: F401  # registers its scenarios
import parity_purge  # noqa: F401
import parity_runs  # noqa: F401
import parity_search  # noqa: F401
import pytest
from answers import check_same
from mlflow.store.tracking.abstract_store import AbstractStore
from pair import without_the_locale, without_waiting_for_the_disk
from parity import SCENARIOS, Trial


@pytest.fixture(scope="module")
def stores(
    tmp_path_factory: pytest.TempPathFactory, make_mlflow_database, make_workspace
) -> Iterator[tuple[AbstractStore, AbstractStore]]:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    from bridge_mlflow.tracking_store import BridgeTrackingStore

    folder = tmp_path_factory.mktemp("parity")
    with without_the_locale(), without_waiting_for_the_disk():
        theirs = SqlAlchemyStore(make_mlflow_database(folder / "mlflow.db"), f"{folder}/artifacts")
        yield theirs, BridgeTrackingStore(make_workspace(folder / "workspace"))


LONG = ("purged_models",)
"""Scripts that create MLflow's own tables beside a workspace, which takes seconds."""


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow if n in LONG else ()) for n in SCENARIOS])
def test_both_stores_answer_equally(name: str, stores: tuple[AbstractStore, AbstractStore]) -> None:
    check_same(name, *(_seen(name, store) for store in stores))


def _seen(name: str, store: Any) -> dict[str, object]:
    trial = Trial(store, name, store.artifact_root_uri)
    SCENARIOS[name](trial)
    return trial.seen
