"""The sites and pages of the browser tests: MLflow's own store and ours, side by side."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from difflib import unified_diff
from pathlib import Path

from playwright.sync_api import ConsoleMessage, Page, Request, Response

PATIENCE = 60.0
"""How long both pages may take until they show the same."""
QUIET = 0.35
"""How long a page at rest has made no request."""
OPEN = "hash => { if (location.hash === hash) location.reload(); else location.hash = hash }"
SHOWN = """() => {
    const ruler = document.getElementById('recharts_measurement_span');
    if (ruler) ruler.textContent = '';  // where a chart has measured its last label
    return document.body.innerText;
}"""
MASKS = {
    "<id>": r"(?<![0-9a-z])(?:[a-z]+-)?[0-9a-f]{32}(?![0-9a-f])",
    "<part of an id>": r"(?<![0-9a-z])[0-9a-f]{8}(?![0-9a-z])",
    "<colour>": r"#[0-9a-f]{6}\b",
    "<moment>": r"(?<![\w.])0(?:\.\d+)?s\b",  # the time that an evaluation took
    "<time>": r"(?:\d+/\d+/|[A-Z][a-z]+ \d+, )20\d\d, [\d:]+ [AP]M"
    r"|20\d\d-\d\d-\d\d[T ][\d:.]+Z?|\d+ (?:second|minute)s? ago|just now",
}
"""Texts that are random, or depend on the clock."""


@dataclass
class Site:
    """A store, the ids of its content, and the address of its MLflow server."""

    folder: Path
    uri: str
    ids: dict[str, str]
    log: Path
    place: str = ""
    """The root of the experiments' artifacts."""
    address: str = ""


@dataclass
class Visitor:
    """A browser page of one site: its requests, their answers and its errors."""

    page: Page
    site: Site
    open_requests: set[Request] = field(default_factory=set)
    requests: set[Request] = field(default_factory=set)
    """The requests since the page was opened."""
    answers: list[Response] = field(default_factory=list)
    """The answers to these requests."""
    complaints: set[str] = field(default_factory=set)
    last: float = 0.0

    def __post_init__(self) -> None:
        self.page.on("request", self._asked)
        self.page.on("response", self._answered)
        self.page.on("requestfailed", self._failed)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self._complained(str(error)))

    def open(self, route: str) -> None:
        """Open a page of MLflow's UI as a click on a link does, with an empty cache. Load it again if it is shown.

        The page before first comes to rest. Its later requests, as when it comes to the front, are not counted.
        """
        self.rest()
        self.page.evaluate("0")  # after what the page before does when it comes to the front
        self.requests.clear()
        self.answers.clear()
        self.complaints.clear()
        self.page.evaluate(OPEN, f"#/{route.format(**self.site.ids)}")
        self.last = time.monotonic()

    def sees(self, *texts: str) -> None:
        """Wait until each text is visible."""
        for text in texts:
            shown = self.page.get_by_text(text.format(**self.site.ids), exact=False).locator("visible=true")
            shown.first.wait_for(timeout=PATIENCE * 1000)

    def rest(self) -> None:
        """Wait until the page is at rest."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and not self.is_at_rest():
            self.page.wait_for_timeout(50)

    def is_at_rest(self) -> bool:
        """Return whether the page has made no request for a while."""
        return not self.open_requests and time.monotonic() - self.last > QUIET

    def shows(self) -> list[str]:
        """Return all visible lines of text, without random parts."""
        return self.plain(str(self.page.evaluate(SHOWN))).splitlines()

    def asked(self) -> set[tuple[str, str, int]]:
        """Return the method, path and status of each request, without those of pictures, which a browser caches."""
        answers = [one for one in self.answers if one.request.resource_type != "image" or one.status >= 400]
        return {(one.request.method, self.plain(one.url.partition("?")[0]), one.status) for one in answers}

    def plain(self, text: str) -> str:
        """Return a text without the site's own ids and locations."""
        text = text.replace(self.site.address, "").replace(self.site.place, "<place>")
        for name, drawn in self.site.ids.items():
            if len(drawn) > 30:
                text = text.replace(drawn, f"<{name}>")
        for name, pattern in MASKS.items():
            text = re.sub(pattern, name, text)
        return text

    def _asked(self, request: Request) -> None:
        self.last = time.monotonic()
        self.requests.add(request)
        if "worker" not in request.url:  # the end of a worker's request is never reported
            self.open_requests.add(request)

    def _answered(self, answer: Response) -> None:
        self._failed(answer.request)
        if "/static-files/" not in answer.url and answer.request in self.requests:
            self.answers.append(answer)

    def _failed(self, request: Request) -> None:
        self.last = time.monotonic()
        self.open_requests.discard(request)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._complained(message.text)

    def _complained(self, text: str) -> None:
        if "ResizeObserver loop" not in text:  # Chromium had to draw twice
            self.complaints.add(self.plain(text))


@dataclass(frozen=True)
class Visitors:
    """The pages of MLflow's own store and of ours."""

    theirs: Visitor
    ours: Visitor
    shots: Path

    def __iter__(self) -> Iterator[Visitor]:
        for visitor in (self.theirs, self.ours):
            visitor.page.bring_to_front()  # a background page is drawn rarely, and clicks in it are slow
            yield visitor

    def open(self, route: str, *texts: str) -> None:
        """Open a page in both, and wait until both show the texts."""
        for visitor in self:
            visitor.open(route)
        self.see(*texts)

    def see(self, *texts: str) -> None:
        """Wait until both show each text."""
        for visitor in self:
            visitor.sees(*texts)

    def do(self, step: Callable[[Page], object]) -> None:
        """Do the same in both."""
        for visitor in self:
            step(visitor.page)

    def settle(self) -> None:
        """Wait until both pages are at rest."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and not all(visitor.is_at_rest() for visitor in self):
            self.ours.page.wait_for_timeout(50)

    def show_the_same(self, name: str) -> None:
        """Fail unless both show the same, with the same requests and answers, and neither has an error."""
        end = time.monotonic() + PATIENCE
        self.settle()
        while time.monotonic() < end and self._difference():
            self.ours.page.wait_for_timeout(300)
            self.settle()
        self.ours.page.screenshot(path=self.shots / f"{name}.png")
        theirs, ours = (visitor.shows() for visitor in self)
        assert ours == theirs, "\n".join(unified_diff(theirs, ours, "theirs", "ours", n=1, lineterm=""))
        asked, answered = self.theirs.asked(), self.ours.asked()
        assert answered == asked, f"asked of theirs alone: {asked - answered}, of ours alone: {answered - asked}"
        broken = [one for one in answered if one[2] >= 500]
        assert not broken, f"{broken}"
        complaints = self.ours.complaints - self.theirs.complaints
        assert not complaints, f"{complaints}"

    def _difference(self) -> bool:
        return self.theirs.shows() != self.ours.shows() or self.theirs.asked() != self.ours.asked()
