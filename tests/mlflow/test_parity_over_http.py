"""A client of MLflow's server and one of ours get the same answers from the same script."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import parity_metrics  # noqa: F401  # registers its scenarios
import parity_runs  # noqa: F401
import parity_search  # noqa: F401
import pytest
from answers import difference
from deviations import DEVIATIONS
from mlflow.store.tracking.rest_store import RestStore
from mlflow.utils.rest_utils import MlflowHostCreds
from pair import without_the_locale, without_waiting_for_the_disk
from parity import SCENARIOS, Trial
from served_application import mlflow_application
from served_workspaces import served

pytestmark = [pytest.mark.rules, pytest.mark.slow, pytest.mark.processes, pytest.mark.timeout(240)]

NAMES = [name for name, script in SCENARIOS.items() if script.__module__ != "parity_purge" and name != "odd_values"]
NAMES.append("odd_values")  # MLflow's server creates an experiment that ours refuses, and the next ids would differ


@pytest.fixture(scope="module")
def stores(
    tmp_path_factory: pytest.TempPathFactory,
    make_mlflow_database: Callable[[Path], str],
    make_workspace: Callable[[Path], str],
) -> Iterator[tuple[RestStore, RestStore]]:
    """Clients of MLflow's server and of ours."""
    folder = tmp_path_factory.mktemp("parity")
    make_workspace(folder / "workspace")
    logging.disable(logging.ERROR)  # MLflow's server logs each error
    with without_the_locale(), without_waiting_for_the_disk():
        with mlflow_application(make_mlflow_database(folder / "mlflow.db"), folder) as theirs:
            with served(
                {"tests": folder / "workspace"},
                folder / "log",
                "--mlflow",
                "eager",
                "--allow-artifacts",
                "s3://bucket/",
            ) as ours:
                yield client_of(theirs), client_of(ours.at("tests"))
    logging.disable(logging.NOTSET)


class ClientStore(RestStore):
    """The store of MLflow's client, with the number of experiments that the client asks for by default."""

    def search_experiments(self, view_type: int = 1, max_results: int | None = 1000, *given: Any, **more: Any) -> Any:
        return super().search_experiments(view_type, max_results, *given, **more)


def client_of(address: str) -> ClientStore:
    return ClientStore(lambda: MlflowHostCreds(address))


@pytest.fixture(autouse=True)
def without_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow's client waits for minutes before it gives up a request that a server cannot answer."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


@pytest.mark.parametrize("name", NAMES)
def test_both_servers_answer_equally(name: str, stores: tuple[RestStore, RestStore]) -> None:
    theirs, ours = (seen(name, store) for store in stores)
    assert theirs.keys() == ours.keys()
    assert any(not isinstance(answer, dict) or "error" not in answer for answer in theirs.values())
    differing = [step for step in theirs if theirs[step] != ours[step] and step not in DEVIATIONS.get(name, {})]
    unknown = [step for step in differing if known(theirs[step], ours[step]) not in DEVIATIONS["http"]]
    assert unknown == [], "\n".join(f"{step}: {difference(theirs[step], ours[step])[:3000]}" for step in unknown)


def seen(name: str, store: RestStore) -> dict[str, Any]:
    """Return the answers of a scenario."""
    address = urlsplit(store.get_host_creds().host)
    names = {f"{address.path}/api/": "/api/", f"host='{address.hostname}', port={address.port}": "<host>"}
    trial = Trial(store, name, "mlflow-artifacts:", {address.netloc: "<server>", **names})
    SCENARIOS[name](trial)
    return trial.seen


def known(theirs: Any, ours: Any) -> str | None:
    """Return the line of deviations.toml that accepts the difference of two answers."""
    sentence = ours.get("message", "") if isinstance(ours, dict) else ""
    if sentence.endswith("Pass the token that a page has returned."):
        return "page token"
    if "Invalid artifact location: " in sentence:
        return "artifact location"
    return None
