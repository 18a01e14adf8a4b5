"""The home page: experiments with their runs, what is running, and a search over everything."""

from __future__ import annotations

import re

import controls
import pytest
from controls import find
from playwright.sync_api import Locator, Page, Route, expect
from portal_site import PortalSite, start

from bridge import Experiment, Run

pytestmark = pytest.mark.browser


def row_of(page: Page, name: str) -> Locator:
    """Return the row of an experiment."""
    table = find(page, controls.EXPERIMENTS)
    return table.get_by_role("row").filter(has=page.get_by_role("rowheader", name=name, exact=True))


def test_an_experiment_shows_its_runs_by_status_and_the_first_line_of_its_note(page: Page, site: PortalSite) -> None:
    counted = Experiment(site.workspace, "counted")
    counted.tag("mlflow.note.content", "\n# **Changes** since [[curves-1]]\n\nMore.")
    for number in range(4):
        run = start(counted, f"counted-{number}")
        run.log("loss", number)
        run.complete() if number else run.fail("too high")
    page.goto(site.address)
    cells = row_of(page, "counted").get_by_role("cell")
    expect(cells).to_have_text(["4", "–", "3", "1", "–", re.compile("now|s|min"), "", "Changes since curves-1"])
    expect(row_of(page, "counted").get_by_role("img")).to_have_attribute("aria-label", "4 runs in 30 days, 4 today")


def test_running_runs_are_shown_with_a_metric_and_the_page_follows_them(page: Page, site: PortalSite) -> None:
    live = Experiment(site.workspace, "live-home")
    page.goto(site.address)
    running = find(page, controls.RUNNING)
    expect(running.get_by_role("link", name="glad-bow")).to_be_visible()
    run = start(live, "appears-later")
    run.log_series("val/loss", [3.0, 2.0, 0.125], steps=[0, 1, 2])
    run.log("progress", 0.41)
    card = running.get_by_role("listitem").filter(has_text="appears-later")
    expect(card).to_contain_text("0.125")
    expect(card.get_by_role("img", name="val/loss so far")).to_be_visible()
    expect(card.get_by_role("progressbar")).to_have_attribute("value", "0.41")
    run.complete()
    expect(card).to_have_count(0)


def test_a_run_that_starts_before_the_stream_is_shown(page: Page, site: PortalSite) -> None:
    begun: list[Run] = []

    def begin_first(route: Route) -> None:
        if not begun:
            begun.append(start(Experiment(site.workspace, "live-home"), "before-the-stream"))
        route.continue_()

    page.route("**/portal/api/changes*", begin_first)
    page.goto(site.address)
    card = find(page, controls.RUNNING).get_by_role("listitem").filter(has_text="before-the-stream")
    expect(card).to_have_count(1)
    begun[0].complete()
    expect(card).to_have_count(0)


def test_the_search_finds_runs_experiments_and_keys(page: Page, site: PortalSite, ids: dict[str, str]) -> None:
    page.goto(site.address)
    expect(row_of(page, "digits")).to_be_visible()
    page.keyboard.press("/")
    expect(find(page, controls.HOME_SEARCH)).to_be_focused()
    page.keyboard.type("gentle")
    results = find(page, controls.RESULTS)
    expect(results.get_by_role("link", name="gentle-crane")).to_have_attribute("href", re.compile(ids["kinds"]))
    find(page, controls.HOME_SEARCH).fill("val/acc")
    results.get_by_role("link", name="val/accuracy").first.click()
    expect(page).to_have_url(re.compile(r"experiments/\d+\?sort=metrics.val/accuracy"))
    page.go_back()
    expect(find(page, controls.HOME_SEARCH)).to_have_value("val/acc")
    find(page, controls.HOME_SEARCH).fill("digi")
    expect(row_of(page, "digits")).to_be_visible()
    expect(row_of(page, "Default")).to_have_count(0)
    find(page, controls.HOME_SEARCH).fill("no such thing")
    expect(results).to_contain_text("contains this text")


def test_a_page_ignores_the_filter_of_the_page_that_follows_it(
    page: Page, site: PortalSite, ids: dict[str, str]
) -> None:
    """The experiment page is shown until the module of the home page is loaded. `val/acc` is no valid filter of it."""
    held: list[Route] = []
    page.route(re.compile(r"/home\.js"), lambda route: held.append(route))
    page.goto(f"{site.address}experiments/{ids['experiment']}")
    expect(find(page, controls.RUNS).get_by_role("row").nth(1)).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    with page.expect_request(re.compile(r"/home\.js")):
        page.evaluate(
            "address => { history.pushState(null, '', address); dispatchEvent(new Event('popstate')); }",
            f"{site.address}?q=val/acc",
        )
    page.keyboard.press("?")
    expect(find(page, controls.KEYS_SHEET)).to_be_visible()
    page.keyboard.press("Escape")
    held[0].continue_()
    expect(find(page, controls.HOME_SEARCH)).to_have_value("val/acc")
    assert not [url for url in asked if "/match?" in url]


def test_an_experiment_is_opened_by_keyboard(page: Page, site: PortalSite) -> None:
    page.goto(site.address)
    expect(row_of(page, "digits")).to_be_visible()
    names = find(page, controls.EXPERIMENTS).get_by_role("rowheader").all_inner_texts()
    for _ in range(names.index("digits") + 1):
        page.keyboard.press("j")
    expect(row_of(page, "digits").get_by_role("link")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/experiments/1$"))
