"""A link to exactly what is shown is copied with one key or one click, on every page."""

from __future__ import annotations

import re

import pytest
from controls import COPY_LINK, TOAST, find
from playwright.sync_api import Browser, BrowserContext, Page, expect
from portal_site import PortalSite

pytestmark = pytest.mark.browser

COPIED = "The link is copied."


def clipboard(page: Page) -> str:
    found: str = page.evaluate("() => navigator.clipboard.readText()")
    return found


def rows(page: Page) -> list[str]:
    """Return the names in the table from the top."""
    found: list[str] = page.locator(".table-row").evaluate_all(
        "rows => rows.sort((a, b) => a.dataset.place - b.dataset.place).map((row) => row.getAttribute('aria-label'))"
    )
    return found


def test_a_copied_link_shows_the_same_in_another_browser(
    context: BrowserContext, page: Page, site: PortalSite, ids: dict[str, str], browser: Browser
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(site.address + f"experiments/{ids['experiment']}")
    page.get_by_role("columnheader", name="loss").first.get_by_role("button").click()
    page.get_by_role("button", name="log y").click()
    expect(page).to_have_url(re.compile("y=log"))
    page.keyboard.press("u")
    expect(find(page, TOAST)).to_contain_text(COPIED)
    link = clipboard(page)
    other = browser.new_context(viewport={"width": 1440, "height": 900})
    site.sign_in(other)
    shown = other.new_page()
    shown.goto(link)
    expect(shown.get_by_role("button", name="log y")).to_have_attribute("aria-pressed", "true")
    expect(shown.locator(".table-row").first).to_be_visible()
    assert rows(shown) == rows(page)
    assert shown.get_by_role("columnheader").all_inner_texts() == page.get_by_role("columnheader").all_inner_texts()
    other.close()


def test_every_page_has_a_button_and_a_key_that_copy_its_link(
    context: BrowserContext, page: Page, site: PortalSite, ids: dict[str, str]
) -> None:
    page.goto(site.address)
    expect(find(page, COPY_LINK)).to_be_visible()
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('not allowed')); }")
    find(page, COPY_LINK).click()
    expect(find(page, TOAST)).to_contain_text(f"Copy this: {site.address}")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(site.address + f"runs/{ids['running']}/metrics?smooth=0.5")
    expect(page.get_by_role("navigation", name="Run")).to_be_visible()
    expect(find(page, COPY_LINK)).to_have_count(1)
    find(page, COPY_LINK).click()
    expect(find(page, TOAST)).to_contain_text(COPIED)
    assert clipboard(page) == page.url
    page.keyboard.press("2")
    expect(page).to_have_url(re.compile(r"/metrics"))
    page.keyboard.press("1")
    expect(page).not_to_have_url(re.compile(r"/metrics"))
    page.keyboard.press("u")
    page.wait_for_function("() => navigator.clipboard.readText().then((text) => text === location.href)")
