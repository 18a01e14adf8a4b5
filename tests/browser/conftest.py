"""Real MLflow servers on MLflow's own store and on a workspace, and a real Chromium that opens both."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest import mock

import pytest
from chromium import find_chromium
from playwright.sync_api import Browser, expect, sync_playwright
from visiting import PATIENCE, Site, Visitor, Visitors

from bridge import Workspace

expect.set_options(timeout=PATIENCE * 1000)  # as long as the pages of the contexts wait

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
REMEMBERED = """
localStorage.setItem("mlflow.workflowType_v1", '"machine_learning"');
localStorage.setItem("mlflow.assistant.panelOpen_v1", "false");
localStorage.setItem("mlflow.detectIssues.guidanceShown_v1", "true");
localStorage.setItem("mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "true");
"""
"""The browser storage of a user: the view "Model training", a closed assistant and a hint that was read."""


def pytest_configure(config: pytest.Config) -> None:
    """Ignore SQLAlchemy's warnings about MLflow's own SQL models."""
    config.addinivalue_line("filterwarnings", "ignore:The ``noload`` loader strategy:DeprecationWarning")


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the browser."""
    found = find_chromium()
    if found is None:
        pytest.fail(
            "The browser tests need Chromium: install it with `apt-get install chromium-headless-shell`.", pytrace=False
        )
    return found


@pytest.fixture(scope="session")
def shots() -> Path:
    """The folder for screenshots, which BRIDGE_SCREENSHOTS names."""
    folder = Path(os.environ.get("BRIDGE_SCREENSHOTS", "artifacts-ci")).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="package")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Site]]:
    """MLflow's own store and a workspace with only the same runs, each with an `mlflow server`."""
    from mlflow import MlflowClient  # not at the top, because the tests of our own page need no MLflow
    from seeding import fill
    from serving import mlflow_server

    folder = tmp_path_factory.mktemp("browser")
    workspace = Workspace.create("demo", path=folder / "demo")
    sites = []
    with ExitStack() as servers, ThreadPoolExecutor() as starts, pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)  # the artifacts of MLflow's own store
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        patch.setenv("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")  # seven more processes, which no page needs
        for name, uri in ("theirs", f"sqlite:///{folder}/mlflow.db"), ("ours", workspace.get_mlflow_tracking_uri()):
            with _as_in_another_process(uri):
                site = Site(folder, uri, fill(uri), folder / f"{name}.log")
            place = MlflowClient(uri).get_experiment(site.ids["experiment"]).artifact_location
            site.place = place.rpartition("/")[0]
            server = mlflow_server(uri, site.log, "--workers", "1")
            sites.append((site, starts.submit(servers.enter_context, server)))
        for site, start in sites:
            site.address = start.result()
        yield sites[0][0], sites[1][0]


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    """One browser for all tests."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def visitors(browser: Browser, sites: tuple[Site, Site], shots: Path) -> Iterator[Visitors]:
    """A browser's page for each server, without access to other hosts."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    context.set_default_timeout(PATIENCE * 1000)
    context.add_init_script(f"if (location.protocol === 'http:') {{ {REMEMBERED} }}")
    reached = tuple(site.address for site in sites)
    context.route(lambda url: not url.startswith(reached), lambda route: route.abort())
    theirs, ours = (Visitor(context.new_page(), site) for site in sites)
    for visitor in (theirs, ours):
        visitor.page.goto(visitor.site.address)
    visitors = Visitors(theirs, ours, shots)
    visitors.settle()
    yield visitors
    context.close()


@pytest.fixture(scope="package")
def visitor_of_server(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    """A browser's page of a server of two workspaces, of which `demo` has everything. Other hosts are out of reach."""
    from seeding import fill, fill_the_rest
    from served_workspaces import served

    folder = tmp_path_factory.mktemp("served")
    workspace = Workspace.create("demo", path=folder / "demo")
    Workspace.create("empty", path=folder / "empty")
    uri = workspace.get_mlflow_tracking_uri()
    with _as_in_another_process(uri):
        site = Site(folder, uri, fill(uri), folder / "server.log", "mlflow-artifacts:")
        site.ids.update(fill_the_rest(uri, site.ids, folder))
    with served({name: folder / name for name in ("demo", "empty")}, site.log) as server:
        site.address = server.at("demo")
        context = browser.new_context(viewport={"width": 1400, "height": 900})
        context.set_default_timeout(PATIENCE * 1000)
        context.add_init_script(f"if (location.protocol === 'http:') {{ {REMEMBERED} }}")
        context.route(lambda url: not url.startswith(server.address), lambda route: route.abort())
        visitor = Visitor(context.new_page(), site)
        visitor.page.goto(f"{site.address}/")
        yield visitor
        context.close()


@pytest.fixture(scope="package")
def visitors_of_all(visitors: Visitors) -> Visitors:
    """The same, after another process has written everything that is not a run."""
    from seeding import fill_the_rest

    for visitor in visitors:
        with _as_in_another_process(visitor.site.uri):
            visitor.site.ids.update(fill_the_rest(visitor.site.uri, visitor.site.ids, visitor.site.folder))
        visitor.page.reload()  # because it caches that nothing existed
    visitors.settle()
    return visitors


@contextmanager
def _as_in_another_process(uri: str) -> Iterator[None]:
    """Reset the state of MLflow's fluent calls, and ignore its warnings about newer libraries."""
    import mlflow
    from mlflow.tracking._tracking_service.utils import _use_tracking_uri

    with warnings.catch_warnings(), mock.patch.dict(os.environ), _use_tracking_uri(uri):
        warnings.simplefilter("ignore")
        yield
        mlflow.tracing.reset()
        mlflow.tracking.fluent._active_experiment_id = None
