"""Calls that are forwarded to MLflow's own tables return the same as on MLflow's own store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import forwarding_reads  # noqa: F401  # isort: skip  # registers its script, which comes before any write
import forwarding_genai  # noqa: F401  # as well
import forwarding_registry  # noqa: F401  # as well
import forwarding_traces  # noqa: F401  # as well
import mlflow
import pytest
from answers import check_same
from forwarding import SCRIPTS, seen
from mlflow import MlflowClient

pytestmark = [
    pytest.mark.slow,  # MLflow's own tables are created twice
    # A warning of MLflow's tracing about its own type hint.
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning:mlflow"),  # warnings of experimental and deprecated functions
]


@pytest.fixture(scope="module")
def clients(
    tmp_path_factory: pytest.TempPathFactory,
    make_mlflow_database: Callable[[Path], str],
    make_workspace: Callable[[Path], str],
) -> Iterator[tuple[MlflowClient, MlflowClient]]:
    folder = tmp_path_factory.mktemp("forwarding")
    before = mlflow.get_tracking_uri()
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)  # the artifact folder of MLflow's own store
        patched.setenv("MLFLOW_ENABLE_ASYNC_TRACE_LOGGING", "false")  # a flush takes a second
        patched.setenv("MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS", "true")
        patched.setenv("MLFLOW_EXPERIMENT_ID", "")  # restore the state that set_experiment changes
        try:
            uris = (make_mlflow_database(folder / "mlflow.db"), make_workspace(folder / "workspace"))
            yield MlflowClient(uris[0]), MlflowClient(uris[1])
        finally:
            mlflow.set_tracking_uri(before)
            mlflow.tracing.reset()
            mlflow.tracking.fluent._active_experiment_id = None


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_gets_the_same_answers_on_both_stores(name: str, clients: tuple[MlflowClient, MlflowClient]) -> None:
    check_same(name, *(seen(name, client) for client in clients))
