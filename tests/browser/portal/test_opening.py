"""The page opens in a browser that is signed in, with the files that it needs and nothing else."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from portal_site import PortalSite, Problems

pytestmark = pytest.mark.browser


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
