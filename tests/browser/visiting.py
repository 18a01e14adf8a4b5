"""What the browser tests look at, and who looks."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Page, Response


@dataclass(frozen=True)
class Site:
    """A workspace, what was logged into it, and the address at which MLflow shows it."""

    folder: Path
    uri: str
    experiment_id: str
    run_id: str
    other_run_id: str
    log: Path
    address: str


@dataclass
class Visitor:
    """A page of a browser, and every answer that the site gave it."""

    page: Page
    address: str
    shots: Path
    answers: list[Response] = field(default_factory=list)

    def open(self, route: str) -> None:
        """Open a page of MLflow's UI, with an empty list of answers."""
        self.answers.clear()
        self.page.goto("about:blank")
        self.page.goto(f"{self.address}/#/{route}")

    def sees(self, *texts: str) -> None:
        """Wait until each text can be seen."""
        for text in texts:
            self.page.get_by_text(text, exact=False).locator("visible=true").first.wait_for(timeout=20_000)

    def settle(self) -> None:
        """Wait until the page has asked for nothing for a while."""
        count = -1
        for _ in range(40):
            if count == len(self.answers):
                return
            count = len(self.answers)
            self.page.wait_for_timeout(600)

    def keep(self, name: str) -> None:
        """Keep a picture of what can be seen."""
        self.page.screenshot(path=self.shots / f"{name}.png")

    def refusals(self) -> list[str]:
        """What was asked for and not given; MLflow has no current user without its authentication."""
        return [
            f"{answer.status} {answer.url}"
            for answer in self.answers
            if answer.status >= 400 and not answer.url.endswith("/users/current")
        ]
