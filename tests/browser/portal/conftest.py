"""One workspace with data, one server of its page, and a page of the browser for each test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from portal_site import PATIENCE_SECONDS, PortalSite, Problems, fill, portal_site

from bridge import Workspace
from bridge.journal import locks
from bridge.server import bundle, vendor
from bridge.server.portal import serve


@pytest.fixture(scope="session", autouse=True)
def joined_modules() -> None:
    """Join the page's modules again if one was changed, so that the tests see what users get."""
    if bundle.read() is None:
        with suppress(bundle.CannotBundle):  # the page works without it, too
            bundle.make()


@pytest.fixture(scope="session", autouse=True)
def patient_servers() -> Iterator[None]:
    """Let the servers of these tests work as long as the pages wait: the machine may be busy with other tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(serve, "SECONDS", PATIENCE_SECONDS)
        patch.setattr(locks, "WAIT_SECONDS", PATIENCE_SECONDS)
        yield


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, dict[str, str]]]:
    """A workspace with runs of every kind, and their ids by name; see `portal_site.fill`. Do not change its runs."""
    if not vendor.is_fetched():
        pytest.skip(f"The page's JavaScript packages are missing: run `{vendor.COMMAND}`.")
    folder = tmp_path_factory.mktemp("portal")
    workspace = Workspace.create("demo", path=folder / "demo")
    ids = fill(workspace, folder)
    yield workspace, ids
    workspace.get_run(ids["running"]).complete()
    workspace.close()


@pytest.fixture(scope="session")
def ids(filled: tuple[Workspace, dict[str, str]]) -> dict[str, str]:
    """The ids of the experiment and of the runs by name."""
    return filled[1]


@pytest.fixture(scope="session")
def site(filled: tuple[Workspace, dict[str, str]]) -> Iterator[PortalSite]:
    """A server of the page of the workspace with runs of every kind."""
    with portal_site(filled[0]) as site:
        yield site


@pytest.fixture
def problems(site: PortalSite) -> Iterator[Problems]:
    """The problems of the test's pages. The test fails if it does not accept them."""
    problems = Problems(site.address)
    yield problems
    assert problems.unexpected() == []


@pytest.fixture
def context(browser: Browser, site: PortalSite, problems: Problems) -> Iterator[BrowserContext]:
    """A browser that is signed in, with its own storage. Its pages are watched for problems."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_SECONDS * 1000)
    context.on("page", problems.watch)
    site.sign_in(context)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A page of a browser that is signed in. It is still empty: `page.goto(site.address + "runs/…")`."""
    return context.new_page()
