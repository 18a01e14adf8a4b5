"""The page opens in a browser that is signed in, with the files that it needs and nothing else."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route, expect
from portal_site import PortalSite, Problems

pytestmark = pytest.mark.browser

LATER = re.compile(r"/(saved_views|selection|palette|key_sheet|experiment_column_menu)\.js$")
"""Modules that the first chart does not need."""


def test_the_home_page_opens(page: Page, site: PortalSite) -> None:
    page.goto(site.address)
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_a_problem_in_the_page_is_found(page: Page, site: PortalSite, problems: Problems) -> None:
    page.goto(site.address)
    page.evaluate("() => { console.error('wrong'); const i = new Image(); i.src = 'http://127.0.0.1:9/x.png'; }")
    page.evaluate("() => { const s = document.createElement('script'); s.textContent = '1'; document.head.append(s); }")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    for part in ("wrong", "Content Security Policy", "request to another host: http://127.0.0.1:9/x.png"):
        assert any(part in problem for problem in problems.found), part
    problems.accept("")


def test_nothing_else_is_loaded_before_the_first_chart_however_slow_the_server_is(
    page: Page, site: PortalSite, ids: dict[str, str]
) -> None:
    asked, held, waits = list[str](), list[Route](), [True]
    page.on("request", lambda request: asked.append(request.url))
    page.route("**/portal/api/series", lambda route: held.append(route) if waits else route.continue_())
    page.goto(f"{site.address}experiments/{ids['experiment']}")
    expect(page.get_by_role("grid", name="Runs").get_by_role("row").nth(1)).to_be_visible()
    page.wait_for_timeout(4_000)
    assert held and [url for url in asked if LATER.search(url)] == []
    waits.clear()
    for route in held:
        route.continue_()
    expect(page.get_by_role("button", name="Views")).to_be_visible()


def test_a_page_without_charts_loads_the_rest_as_well(page: Page, site: PortalSite, ids: dict[str, str]) -> None:
    page.goto(f"{site.address}experiments/{ids['experiment']}?fill=table")
    expect(page.get_by_role("grid", name="Runs").get_by_role("row").nth(1)).to_be_visible()
    expect(page.get_by_role("button", name="Views")).to_be_visible()


def test_charts_are_drawn_before_they_come_onto_the_screen(page: Page, site: PortalSite, ids: dict[str, str]) -> None:
    page.set_viewport_size({"width": 1000, "height": 420})
    page.goto(f"{site.address}experiments/{ids['experiment']}")
    expect(page.get_by_role("button", name="Views")).to_be_visible()
    page.wait_for_function(
        """() => {
            const end = document.querySelector(".chart-scroll").getBoundingClientRect().bottom;
            const slots = [...document.querySelectorAll(".chart-slot")];
            const drawn = slots.filter((node) => node.querySelector("canvas, .bar"));
            return drawn.some((node) => node.getBoundingClientRect().top > end);
        }"""
    )
