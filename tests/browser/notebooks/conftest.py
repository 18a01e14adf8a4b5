"""A page for the widget of views, and runs for it. The test fails on errors in the page and on requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from notebook_servers import notebook_environment
from playwright.sync_api import Browser, Page
from widget_host import WidgetHost

from bridge import Experiment, Workspace

MakeHost = Callable[..., WidgetHost]

_environment: list[Future[Path]] = []


def pytest_collection_finish(session: pytest.Session) -> None:
    """Install the environment with JupyterLab and marimo while other tests run, if a test needs it."""
    wanted = any("notebooks" in getattr(item, "fixturenames", ()) for item in session.items)
    if wanted and not session.config.option.collectonly and not _environment:
        pool = ThreadPoolExecutor(1)
        _environment.append(pool.submit(notebook_environment))
        pool.shutdown(wait=False)


@pytest.fixture(scope="session")
def notebooks() -> Path:
    """The folder of the commands of JupyterLab and marimo."""
    return _environment[0].result() if _environment else notebook_environment()


@pytest.fixture
def experiment(tmp_path: Path) -> Iterator[Experiment]:
    """An experiment in a new workspace."""
    workspace = Workspace.create("work", path=tmp_path / "work")
    yield Experiment(workspace, "digits")
    workspace.close()


@pytest.fixture
def problems() -> Iterator[list[str]]:
    """The errors in the page, and its requests except those for its own modules."""
    problems: list[str] = []
    yield problems
    assert problems == []


@pytest.fixture
def page(browser: Browser, problems: list[str]) -> Iterator[Page]:
    """An empty page without a network."""
    context = browser.new_context(offline=True, reduced_motion="reduce")
    page = context.new_page()
    page.on("console", lambda one: problems.append(one.text) if one.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda one: None if one.url.startswith(("blob:", "data:")) else problems.append(one.url))
    yield page
    context.close()


@pytest.fixture
def host(page: Page) -> MakeHost:
    """A function that shows a run, an experiment or a list of runs in the page."""
    return lambda target, **options: WidgetHost(page, target, **options)
