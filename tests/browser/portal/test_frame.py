"""The frame of all pages: addresses and Back, the state in them, the theme, keys, and the palette."""

from __future__ import annotations

import re

import pytest
from controls import KEYS_SHEET, PALETTE, PALETTE_FIELD, find
from playwright.sync_api import Page, Route, expect
from portal_site import PortalSite, Problems

pytestmark = pytest.mark.browser


def open_page(page: Page, site: PortalSite, path: str, heading: str | re.Pattern[str]) -> None:
    page.goto(site.address + path)
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)


def ground(page: Page) -> str:
    found: str = page.evaluate("() => getComputedStyle(document.documentElement).backgroundColor")
    return found


def test_pages_have_a_heading_a_title_and_the_focus_and_back_returns(
    page: Page, site: PortalSite, ids: dict[str, str]
) -> None:
    open_page(page, site, f"experiments/{ids['experiment']}", "digits")
    expect(page).to_have_title("digits · demo · Runbridge")
    page.evaluate("() => { window.isSamePage = true; }")
    page.get_by_role("navigation", name="Place").get_by_role("link", name="demo").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Experiments")
    expect(page).to_have_title("Experiments · demo · Runbridge")
    expect(page.get_by_role("main")).to_be_focused()
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("digits")
    assert page.evaluate("() => window.isSamePage === true"), "the site was loaded again"


def test_an_address_of_no_page_is_reported(page: Page, site: PortalSite, problems: Problems) -> None:
    problems.accept("404")  # the server's answer for such an address
    page.goto(site.address)
    page.evaluate(
        "() => { history.pushState(null, '', 'nothing/here'); dispatchEvent(new PopStateEvent('popstate')); }"
    )
    expect(page.get_by_role("main")).to_contain_text("No page has this address: /portal/nothing/here")


def test_the_error_of_the_server_is_shown_as_its_sentence(page: Page, site: PortalSite, problems: Problems) -> None:
    problems.accept("404")
    page.goto(site.address + "experiments/404404")
    expect(page.get_by_role("main").get_by_role("alert")).to_contain_text("404404")


def test_choices_are_in_the_address_and_back_undoes_them(page: Page, site: PortalSite, ids: dict[str, str]) -> None:
    open_page(page, site, f"experiments/{ids['experiment']}?x=time&smooth=0.5&unknown=kept", "digits")
    page.get_by_role("button", name="log y").click()
    expect(page).to_have_url(re.compile(r"\?smooth=0.5&unknown=kept&x=time&y=log$"))
    page.go_back()
    expect(page).to_have_url(re.compile(r"x=time&smooth=0.5"))
    expect(page.get_by_role("button", name="log y")).to_have_attribute("aria-pressed", "false")
    page.go_forward()
    page.reload()
    expect(page.get_by_role("button", name="log y")).to_have_attribute("aria-pressed", "true")


def test_a_long_state_gets_a_short_address_that_shows_the_same(
    page: Page, site: PortalSite, ids: dict[str, str]
) -> None:
    open_page(page, site, f"experiments/{ids['experiment']}?q={'%20' * 700}metrics.loss%20%3E%200", "digits")
    page.get_by_role("button", name="log y").click()
    expect(page).to_have_url(re.compile(r"/portal/v/\w{8}$"))
    address = page.url
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("digits")
    expect(page.get_by_role("button", name="log y")).to_have_attribute("aria-pressed", "true")
    assert page.url == address


def test_an_address_with_a_view_contains_the_changes_over_it(page: Page, site: PortalSite, ids: dict[str, str]) -> None:
    path = f"/experiments/{ids['experiment']}/views/smoothed"
    assert site.ask("PUT", path, {"state": "smooth=0.5&x=time&y=log"})[0] == 200
    log = page.get_by_role("button", name="log y")
    open_page(page, site, f"experiments/{ids['experiment']}?x=relative&view=smoothed", "digits")
    expect(log).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("combobox", name="Horizontal axis")).to_have_value("relative")
    log.click()
    expect(page).to_have_url(re.compile(r"\?view=smoothed&x=relative&y=linear$"))
    page.reload()
    expect(log).to_have_attribute("aria-pressed", "false")
    page.evaluate("() => document.querySelector('.tabs a').click()")  # the tab Runs: its address has no view
    expect(page).to_have_url(re.compile(r"/experiments/\d+$"))
    expect(page.get_by_role("combobox", name="Horizontal axis")).to_have_value("step")
    page.go_back()
    expect(page.get_by_role("combobox", name="Horizontal axis")).to_have_value("relative")
    expect(log).to_have_attribute("aria-pressed", "false")
    assert site.ask("DELETE", path)[0] == 200


def test_the_theme_is_the_systems_until_one_is_chosen(page: Page, site: PortalSite) -> None:
    light, dark = "rgb(251, 251, 252)", "rgb(15, 19, 23)"
    page.emulate_media(color_scheme="dark")
    open_page(page, site, "", "Experiments")
    assert ground(page) == dark
    page.keyboard.press("d")
    assert ground(page) == light
    page.reload()
    expect(page.get_by_role("button", name="Theme: light")).to_be_visible()
    assert ground(page) == light
    page.keyboard.press("d")
    page.emulate_media(color_scheme="light")
    assert ground(page) == dark
    page.keyboard.press("d")
    expect(page.get_by_role("button", name="Theme: system")).to_be_visible()
    assert ground(page) == light


def test_the_theme_of_an_address_wins(page: Page, site: PortalSite, ids: dict[str, str]) -> None:
    open_page(page, site, f"experiments/{ids['experiment']}?theme=dark", "digits")
    assert ground(page) == "rgb(15, 19, 23)"
    page.keyboard.press("d")
    expect(page).not_to_have_url(re.compile("theme"))


def test_the_sheet_lists_the_keys_of_the_page(page: Page, site: PortalSite, ids: dict[str, str]) -> None:
    open_page(page, site, f"experiments/{ids['experiment']}", "digits")
    button = page.get_by_role("button", name="Keys", exact=True)
    button.click()
    sheet = find(page, KEYS_SHEET)
    for label in ("All keys", "Filter", "Group by", "Compare the selected runs"):
        expect(sheet.get_by_text(label, exact=True)).to_be_visible()
    page.keyboard.press("l")
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(button).to_be_focused()
    expect(page).not_to_have_url(re.compile("log"))
    page.keyboard.press("?")
    expect(sheet).to_be_visible()


def test_the_palette_finds_a_run_and_a_command(page: Page, site: PortalSite, ids: dict[str, str]) -> None:
    open_page(page, site, f"experiments/{ids['experiment']}", "digits")
    palette = find(page, PALETTE)
    field = find(palette, PALETTE_FIELD)
    page.keyboard.press("Control+k")
    field.fill("logarithmic y")
    expect(palette.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("y=log"))
    page.keyboard.press("Control+k")
    field.fill("eager-bow")
    expect(palette.get_by_role("option", name=re.compile("eager-bow")).first).to_be_visible()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/runs/{ids['failed']}"))


def test_the_palette_shows_no_places_of_an_earlier_text(page: Page, site: PortalSite, ids: dict[str, str]) -> None:
    open_page(page, site, f"experiments/{ids['experiment']}", "digits")
    page.keyboard.press("Control+k")
    palette = find(page, PALETTE)
    field = find(palette, PALETTE_FIELD)
    field.fill("eager-bow")
    expect(palette.get_by_role("option", name=re.compile("eager-bow")).first).to_be_visible()
    page.route("**/api/search*", lambda _route: None)  # the server does not answer
    field.fill("logarithmic y")
    expect(palette.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("y=log"))


def test_a_sequence_of_keys_goes_home_but_not_while_one_types(
    page: Page, site: PortalSite, ids: dict[str, str]
) -> None:
    open_page(page, site, f"experiments/{ids['experiment']}", "digits")
    page.keyboard.press("/")
    page.keyboard.type("gh")
    expect(page.get_by_role("combobox", name="Filter runs")).to_have_value("gh")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.keyboard.type("gh")
    expect(page.get_by_role("heading", level=1)).to_have_text("Experiments")


def test_a_menu_is_used_with_the_keyboard(page: Page, site: PortalSite, ids: dict[str, str]) -> None:
    open_page(page, site, f"experiments/{ids['experiment']}", "digits")
    button = page.get_by_role("button", name="Export")
    button.press("Enter")
    items = page.get_by_role("menu").get_by_role("menuitem")
    expect(items.first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(items.nth(1)).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(items.last).to_be_focused()
    page.keyboard.press("Home")
    page.keyboard.press("m")
    expect(page.get_by_role("menuitem", name="Markdown")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("menu")).to_be_hidden()
    expect(button).to_be_focused()
    expect(button).to_have_attribute("aria-expanded", "false")


def test_a_picker_finds_a_key_by_parts_of_its_name(page: Page, site: PortalSite, ids: dict[str, str]) -> None:
    open_page(page, site, f"experiments/{ids['experiment']}", "digits")
    page.get_by_role("button", name="Group", exact=True).click()
    expect(page.get_by_role("combobox", name="Group by")).to_be_focused()
    page.keyboard.type("optim")
    options = page.get_by_role("listbox").get_by_role("option")
    expect(options).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("group=params.optimizer"))


def test_a_page_can_be_left_while_its_filter_is_checked(page: Page, site: PortalSite, ids: dict[str, str]) -> None:
    held: list[Route] = []
    page.route("**/portal/api/check?*", lambda route: held.append(route))
    open_page(page, site, f"experiments/{ids['experiment']}", "digits")
    page.keyboard.press("/")
    with page.expect_request("**/portal/api/check?*"):
        page.keyboard.type("metrics.loss")
    page.get_by_role("navigation", name="Place").get_by_role("link", name="demo").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Experiments")
    with page.expect_response("**/portal/api/check?*"):
        held[0].continue_()
    page.evaluate("() => new Promise((done) => setTimeout(done))")
