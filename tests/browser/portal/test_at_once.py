"""Keys and letters count as soon as the page is drawn, because a person may be faster than the next picture."""

from __future__ import annotations

import re

import controls
import pytest
from controls import find
from playwright.sync_api import Page, expect
from portal_site import PortalSite, start

from bridge import Experiment

pytestmark = pytest.mark.browser

PRESS_2 = """
new MutationObserver((_, watch) => {
  if (!document.querySelector(".run-page")) return;
  watch.disconnect();
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "2", bubbles: true }));
}).observe(document, { childList: true, subtree: true });
"""
"""Press 2 when the page of a run is drawn, before the browser shows it."""

TYPE_AND_ENTER = """async (field) => {
  field.value = "fill";
  field.dispatchEvent(new Event("input", { bubbles: true }));
  for (let turn = 0; turn < 20; turn++) await null;
  field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
}"""
EDIT_AND_TYPE = """async (button) => {
  button.click();
  for (let turn = 0; turn < 20; turn++) await null;
  const field = document.querySelector("textarea");
  field.value = "the first letters";
  field.dispatchEvent(new Event("input", { bubbles: true }));
}"""


def test_a_key_of_the_page_is_called(page: Page, site: PortalSite, ids: dict[str, str]) -> None:
    page.add_init_script(PRESS_2)
    page.goto(f"{site.address}runs/{ids['kinds']}")
    expect(find(page, controls.RUN_TABS).locator("[aria-current='page']")).to_contain_text("Metrics")


def test_enter_takes_the_first_place_of_the_list_for_the_last_letter(
    page: Page, site: PortalSite, ids: dict[str, str]
) -> None:
    page.goto(f"{site.address}experiments/{ids['experiment']}")
    expect(find(page, controls.RUNS).get_by_role("row").nth(1)).to_be_visible()
    page.keyboard.press("Control+k")
    expect(find(page, controls.PALETTE_FIELD)).to_be_focused()
    page.keyboard.press("ArrowDown")  # the first place is no longer chosen
    find(page, controls.PALETTE_FIELD).evaluate(TYPE_AND_ENTER)
    expect(page).to_have_url(re.compile("fill=table"))


def test_the_first_letters_of_a_note_stay(page: Page, site: PortalSite) -> None:
    run = start(Experiment(site.workspace, "noted-at-once"), "noted-at-once")
    run.complete()
    page.goto(f"{site.address}runs/{run.id}")
    find(page, controls.EDIT_NOTE).evaluate(EDIT_AND_TYPE)
    find(page, controls.SAVE_NOTE).click()
    expect(page.get_by_role("region", name="Note")).to_contain_text("the first letters")
