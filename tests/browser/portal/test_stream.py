"""The stream of changes in a browser: pages share it, a hidden page closes it, and a proxy may refuse it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, Route
from portal_site import PortalSite, Problems, portal_site

from bridge import Experiment, Run, Workspace

pytestmark = pytest.mark.browser

OPEN = """async ({ run, since }) => {
    const place = document.querySelector("link[rel=modulepreload]").href.match(/^.*?\\/static\\/[^/]*/)[0];
    const { openStream } = await import(`${place}/data/live.js`);
    window.seen = { runs: [], states: [] };
    window.stream = openStream({
        run, since,
        onChange: (changes) => window.seen.runs.push(...changes.created, ...changes.runs),
        onState: (state) => window.seen.states.push(state),
    });
}"""
HIDE = """(hidden) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


class Streams:
    """The requests for changes of one run that the pages of a browser have sent."""

    def __init__(self, context: BrowserContext, run: str) -> None:
        self.run, self.sent = run, list[str]()
        context.on("request", lambda request: self._note(request.url, request.headers.get("accept", "")))

    def _note(self, url: str, accept: str) -> None:
        split = urlsplit(url)
        if split.path.endswith("/changes") and parse_qs(split.query).get("run") == [self.run]:
            self.sent.append("stream" if "event-stream" in accept else "json")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A run in a workspace of its own, because these tests change it."""
    workspace = Workspace.create("demo", path=tmp_path_factory.mktemp("stream") / "demo")
    with Experiment(workspace, "digits").start_logging() as run:
        yield run
    workspace.close()


@pytest.fixture(scope="module")
def site(running: Run) -> Iterator[PortalSite]:
    """A server of this workspace."""
    with portal_site(running.experiment.workspace) as site:
        yield site


@pytest.fixture
def streams(context: BrowserContext, running: Run) -> Streams:
    return Streams(context, running.id)


def opened(page: Page, site: PortalSite, run: str, since: str | None = None) -> Page:
    page.goto(site.address)
    page.evaluate(OPEN, {"run": run, "since": since})
    return page


def wait(page: Page, condition: str, argument: Any = None) -> None:
    page.wait_for_function(condition, arg=argument)


LIVE = "() => window.seen.states.at(-1) === 'live'"
SEEN = "(count) => window.seen.runs.length >= count"


def change(running: Run) -> None:
    """Change the run in another way than through the page."""
    running.log("loss", 1.0)


def test_pages_that_are_shown_share_one_stream(
    context: BrowserContext, site: PortalSite, running: Run, streams: Streams
) -> None:
    first = opened(context.new_page(), site, running.id)
    wait(first, LIVE)
    second = opened(context.new_page(), site, running.id)
    wait(second, LIVE)
    change(running)
    for page in (first, second):
        wait(page, SEEN, 1)
    assert streams.sent == ["stream"]
    first.close()
    wait(second, "() => window.seen.states.length > 1 && window.seen.states.at(-1) === 'live'")
    change(running)
    wait(second, SEEN, 2)
    assert streams.sent == ["stream", "stream"]


def test_a_hidden_page_closes_its_stream_and_misses_nothing(
    page: Page, site: PortalSite, running: Run, streams: Streams
) -> None:
    opened(page, site, running.id)
    wait(page, LIVE)
    page.evaluate(HIDE, True)
    assert page.evaluate("() => window.seen.states.at(-1)") == "paused"
    change(running)
    assert streams.sent == ["stream"]
    page.evaluate(HIDE, False)
    wait(page, SEEN, 1)
    assert (streams.sent, page.evaluate("() => window.seen.runs")) == (["stream", "stream"], [running.id])


def test_a_page_that_joins_late_reads_what_it_missed(
    context: BrowserContext, site: PortalSite, running: Run, streams: Streams
) -> None:
    cursor = running.place.stores.tracking.views.get_changes().cursor
    change(running)
    first = opened(context.new_page(), site, running.id)
    wait(first, LIVE)
    second = opened(context.new_page(), site, running.id, cursor)
    wait(second, SEEN, 1)
    assert streams.sent == ["stream", "json"]


def test_a_page_asks_again_and_again_if_the_stream_is_refused(
    page: Page,
    site: PortalSite,
    running: Run,
    streams: Streams,
    problems: Problems,
) -> None:
    problems.accept("502")

    def refuse(route: Route) -> None:
        if "event-stream" in route.request.headers.get("accept", ""):
            route.fulfill(status=502, body="no streams here")
        else:
            route.continue_()

    page.route("**/changes?*", refuse)
    opened(page, site, running.id)
    wait(page, "() => window.seen.states.at(-1) === 'polling'")
    change(running)
    wait(page, SEEN, 1)
    page.evaluate("() => window.stream.close()")
    assert streams.sent[:2] == ["stream", "json"]
