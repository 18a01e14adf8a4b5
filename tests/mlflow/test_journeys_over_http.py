"""Scripts of unmodified MLflow clients return and store the same on MLflow's server and on ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import journeys_artifacts  # noqa: F401  # registers its journeys
import journeys_logging  # noqa: F401
import journeys_runs  # noqa: F401
import journeys_search  # noqa: F401
import pytest
from answers import difference
from deviations import DEVIATIONS
from journeys import JOURNEYS, travel
from served_application import mlflow_application
from served_workspaces import ServedBySubprocess, served

from bridge.server.serve import serve_background
from bridge.store.create import create_store

pytestmark = [
    pytest.mark.rules,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*"),  # warnings of matplotlib, torch and MLflow
]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedBySubprocess]:
    """Our server in a process of its own, which has loaded MLflow's application. Each journey has a workspace.

    A process has MLflow's application only once, and this process serves MLflow's own store with it.
    """
    folder = tmp_path_factory.mktemp("loaded")
    for name in IN_A_PROCESS:
        create_store(folder / name, name).close()
    with served({name: folder / name for name in IN_A_PROCESS}, folder / "log", "--mlflow", "eager") as server:
        yield server


@pytest.fixture
def addresses(
    name: str, request: pytest.FixtureRequest, tmp_path: Path, make_mlflow_database: Callable[[Path], str]
) -> Iterator[tuple[str, str]]:
    """The addresses of MLflow's server, which runs in a thread, and of ours. Both are new, so that ids are equal."""
    folder = tmp_path / "served"
    folder.mkdir()
    with mlflow_application(make_mlflow_database(folder / "mlflow.db"), folder) as theirs:
        if name in IN_A_PROCESS:
            yield theirs, request.getfixturevalue("loaded").at(name)
            return
        stores = create_store(folder / "workspace", "served")
        with serve_background([stores]) as ours:
            yield theirs, ours.address
        stores.close()


@pytest.fixture(autouse=True)
def without_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow's client waits for minutes before it gives up a request that a server cannot answer."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


IN_A_PROCESS = (
    "fluent_files", "fluent_fetching", "fluent_pictures", "fluent_tables", "fluent_threads", "fluent_experiments",
)  # fmt: skip
"""Journeys that list files, for which our server loads MLflow's application."""


ODD_FOLDERS = dict.fromkeys(
    (f"{way} {path!r}" for way in ("client lists", "list", "list URI with") for path in (".", "in//deep")),
    DEVIATIONS["http"]["path of a folder"],
)
"""The steps that list a folder under a path that our server refuses, with the reason."""


def marks_of(name: str) -> tuple[pytest.MarkDecorator, ...]:
    return (pytest.mark.torch,) * (name == "fluent_tensors")


@pytest.mark.parametrize("name", [pytest.param(name, marks=marks_of(name)) for name in JOURNEYS])
def test_both_servers_return_and_store_the_same(name: str, addresses: tuple[str, str], tmp_path: Path) -> None:
    theirs, ours = (
        travel(name, address, tmp_path / place) for address, place in zip(addresses, ("theirs", "ours"), strict=True)
    )
    allowed = DEVIATIONS.get(name, {}).keys() | ODD_FOLDERS.keys()
    differing = [step for step in {**theirs, **ours} if theirs.get(step) != ours.get(step) and step not in allowed]
    assert differing == [], "\n".join(f"{step}: {difference(theirs.get(step), ours.get(step))}" for step in differing)
